// Search, the menu of a narrow screen, and the heading that is being read. No network, no library.
const up = document.body.dataset.up, box = document.getElementById("search"), found = document.getElementById("found");
const plain = text => text.toLowerCase().normalize("NFKD");
const escape = text => text.replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }[c]));

function score(row, words) {
  let sum = 0;
  for (const word of words) {
    const at = row.low.indexOf(word), inTitle = plain(row.t).includes(word), inHeading = plain(row.h).includes(word);
    if (at < 0 && !inTitle && !inHeading) return 0;
    sum += (inTitle ? 6 : 0) + (inHeading ? 4 : 0) + (at >= 0 ? 1 : 0) + (new RegExp("(^|\\W)" + word.replace(/\W/g, "\\$&") + "(\\W|$)").test(row.low) ? 2 : 0);
  }
  return sum + (row.a ? 0 : .5);
}

function around(row, word) {
  const at = Math.max(0, row.low.indexOf(word)), from = Math.max(0, at - 50);
  const text = escape((from ? "…" : "") + row.x.slice(from, at + 110));
  return text.replace(new RegExp(word.replace(/\W/g, "\\$&"), "gi"), "<mark>$&</mark>");
}

function look() {
  const words = plain(box.value).split(/\s+/).filter(Boolean);
  found.style.display = words.length ? "block" : "none";
  if (!words.length) return;
  const rows = (window.SEARCH || []).map(row => { row.low ||= plain(row.x); return [score(row, words), row]; });
  const best = rows.filter(([s]) => s > 0).sort((a, b) => b[0] - a[0]).slice(0, 20);
  found.innerHTML = best.map(([, row]) => `<a href="${up}${row.u}${encodeURI(row.a)}"><b>${escape(row.t)}</b>` +
    (row.h === row.t ? "" : ` › ${escape(row.h)}`) + `<small>${escape(row.g)} · ${around(row, words[0])}</small></a>`).join("") ||
    "<p>Nothing found.</p>";
}

box.addEventListener("input", look);
box.addEventListener("keydown", event => {
  const links = [...found.querySelectorAll("a")], now = links.findIndex(a => a.classList.contains("chosen"));
  if (event.key === "Escape") { box.value = ""; look(); }
  if (event.key === "Enter" && links.length) location.href = links[Math.max(0, now)].href;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    links[now]?.classList.remove("chosen");
    const next = links[Math.min(links.length - 1, Math.max(0, now + (event.key === "ArrowDown" ? 1 : -1)))];
    next?.classList.add("chosen"); next?.scrollIntoView({ block: "nearest" });
  }
});
found.addEventListener("click", () => { found.style.display = "none"; });
document.addEventListener("keydown", event => {
  if (event.key === "/" && document.activeElement.tagName !== "INPUT") { event.preventDefault(); box.focus(); }
});

const shade = document.createElement("div");
shade.id = "shade";
document.body.append(shade);
const menu = () => document.body.classList.toggle("menu");
document.getElementById("menu").addEventListener("click", menu);
shade.addEventListener("click", menu);
document.querySelector("nav a.here")?.scrollIntoView({ block: "center" });
scrollTo(0, location.hash ? scrollY : 0);

if (innerWidth <= 1180) document.querySelector(".toc details")?.removeAttribute("open");
const links = [...document.querySelectorAll(".toc a")];
const places = links.map(a => document.getElementById(decodeURIComponent(a.hash.slice(1))));
function here() {
  const at = places.findLastIndex(place => place && place.getBoundingClientRect().top < 90);
  links.forEach((a, i) => a.classList.toggle("here", i === at));
}
addEventListener("scroll", here, { passive: true });
here();
