"Two processes meet, add their numbers up, and say where they and their launcher listen."
import os

import psutil
import torch
import torch.distributed as dist

dist.init_process_group("gloo")
number = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(number)
family = [psutil.Process(), psutil.Process().parent()]
waiting = [c.laddr.ip for p in family for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
said = f"rank {dist.get_rank()} of {os.environ['WORLD_SIZE']}, sum {number.item()}, listening at {sorted(set(waiting))}\n"
os.write(1, said.encode())
dist.barrier()
dist.destroy_process_group()
