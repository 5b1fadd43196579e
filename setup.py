"Packaging, read from settings.ini so that nbdev and pip agree."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="])
config.read("settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]
extras = {name.removeprefix("extra_"): cfg[name].split() for name in cfg if name.startswith("extra_")}
pythons = ["3.10", "3.11", "3.12", "3.13"]

setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    project_urls={
        "Documentation": cfg["doc_host"] + cfg["doc_baseurl"],
        "Source": cfg["git_url"],
        "Issues": cfg["git_url"] + "/issues",
        "Changelog": f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md",
    },
    license="Apache-2.0",
    keywords=cfg["keywords"],
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg["requirements"].split(),
    extras_require={"dev": cfg["dev_requirements"].split(), **extras},
    entry_points={"console_scripts": cfg["console_scripts"].split()},
    # the experiment notebooks travel in the wheel, so that `vidbench run` works from an empty folder
    packages=[*find_packages(include=["vidbench", "vidbench.*"]), "vidbench.experiments"],
    package_dir={"vidbench.experiments": "nbs/experiments"},
    package_data={"vidbench": ["py.typed", "devices/*.yaml"], "vidbench.experiments": ["*.ipynb", "*.yaml"]},
    include_package_data=False,
    zip_safe=False,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Natural Language :: English",
        "Operating System :: POSIX",  # on Windows: in WSL 2
        "Typing :: Typed",
        *(f"Programming Language :: Python :: {version}" for version in pythons),
    ],
)
