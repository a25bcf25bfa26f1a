"""What other agents read from a /proc/meminfo, as JSON: {preset: {metric: [unit, value or null]}}.

Written from the agents' documented formulas, apart from cwmem's own tables, so that one checks the
other. Usage: python3 expected.py MEMINFO [LOW], LOW being the zones' low watermarks in bytes.
"""

import json
import sys


def read(path):
    """Every field in bytes, or as the count that it is."""
    fields = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            name, rest = line.split(":")
            words = rest.split()
            fields[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return fields


def available(m, low):
    """gopsutil: MemAvailable, or what kernels before 3.14 are taken to have."""
    if "MemAvailable" in m:
        return m["MemAvailable"]
    slab = m.get("SReclaimable", 0)
    if low is None or "Active(file)" not in m or "Inactive(file)" not in m:
        return m["Cached"] + m["MemFree"] + slab
    cache = m["Active(file)"] + m["Inactive(file)"]
    have = m["MemFree"] - low
    have += cache - min(cache // 2, low)
    have += slab - min(slab // 2, low)
    return max(have, 0)


def percent(part, whole):
    return min(100.0 * part / whole, 100.0)


def agent(m, low, used, unit):
    """The names that the CloudWatch agent and telegraf share."""
    amount, share = unit
    total, swap = m["MemTotal"], m["SwapTotal"]
    have, swapped = available(m, low), m["SwapTotal"] - m["SwapFree"]
    return {
        "mem_total": [amount, total],
        "mem_free": [amount, m["MemFree"]],
        "mem_available": [amount, have],
        "mem_buffered": [amount, m["Buffers"]],
        "mem_cached": [amount, m["Cached"] + m.get("SReclaimable", 0)],
        "mem_used": [amount, used],
        "mem_active": [amount, m["Active"]],
        "mem_inactive": [amount, m["Inactive"]],
        "mem_shared": [amount, m["Shmem"]],
        "mem_used_percent": [share, percent(used, total)],
        "mem_available_percent": [share, percent(have, total)],
        "swap_free": [amount, m["SwapFree"]],
        "swap_used": [amount, swapped],
        "swap_used_percent": [share, percent(swapped, swap) if swap else 0],
    }


def cwagent(m, low):
    used = m["MemTotal"] - m["MemFree"] - m["Buffers"] - m["Cached"] - m.get("SReclaimable", 0)
    # The agent itself wraps below zero; cwmem says 0.
    return agent(m, low, max(used, 0), ("Bytes", "Percent"))


def cwagent_available(m, low):
    return agent(m, low, max(m["MemTotal"] - available(m, low), 0), ("Bytes", "Percent"))


def telegraf(m, low):
    metrics = agent(m, low, max(m["MemTotal"] - available(m, low), 0), ("None", "None"))
    metrics["mem_sreclaimable"] = ["None", m.get("SReclaimable", 0)]
    metrics["mem_sunreclaim"] = ["None", m.get("SUnreclaim", 0)]
    metrics["mem_swap_cached"] = ["None", m.get("SwapCached", 0)]
    metrics["swap_total"] = ["None", m["SwapTotal"]]
    return metrics


def scripts(m, with_cache):
    free = m["MemFree"] if with_cache else m["MemFree"] + m["Buffers"] + m["Cached"]
    used = max(m["MemTotal"] - free, 0)
    swap, swapped = m["SwapTotal"], m["SwapTotal"] - m["SwapFree"]
    mega = 1024 * 1024
    return {
        "MemoryUtilization": ["Percent", percent(used, m["MemTotal"])],
        "MemoryUsed": ["Megabytes", used / mega],
        "MemoryAvailable": ["Megabytes", free / mega],
        "SwapUtilization": ["Percent", percent(swapped, swap) if swap else 0],
        "SwapUsed": ["Megabytes", swapped / mega],
    }


def vector(m):
    used = m["MemTotal"] - m["MemFree"] - m["Cached"] - m["Buffers"]
    values = {
        "total": m["MemTotal"],
        "free": m["MemFree"],
        "available": m.get("MemAvailable"),
        "active": m["Active"],
        "inactive": m["Inactive"],
        "buffers": m["Buffers"],
        "cached": m["Cached"],
        "shared": m["Shmem"],
        "used": max(used, 0),
        "swap_free": m["SwapFree"],
        "swap_total": m["SwapTotal"],
        "swap_used": m["SwapTotal"] - m["SwapFree"],
    }
    return {f"memory_{name}_bytes": ["None", value] for name, value in values.items()}


def collectd(m):
    slab = m.get("SReclaimable", 0) + m.get("SUnreclaim", 0)
    used = m["MemTotal"] - m["MemFree"] - m["Buffers"] - m["Cached"] - slab
    swap = m["SwapTotal"]
    swapped = swap - m["SwapFree"] - m.get("SwapCached", 0)
    return {
        "memory.percent.used": ["None", percent(used, m["MemTotal"]) if used >= 0 else None],
        "swap.percent.used": ["None", percent(swapped, swap) if swap and swapped >= 0 else None],
    }


def ec2_memory(m):
    used = m["MemTotal"] - (m["MemFree"] + m["Buffers"] + m["Cached"])
    swap = m["SwapTotal"]
    swapped = max(swap - m["SwapFree"] - m.get("SwapCached", 0), 0)
    return {
        "MemUsage": ["Percent", percent(max(used, 0), m["MemTotal"])],
        "SwapUsage": ["Percent", percent(swapped, swap) if swap else 0],
    }


def main():
    m = read(sys.argv[1])
    low = int(sys.argv[2]) if len(sys.argv) > 2 else None
    presets = {
        "cwagent": cwagent(m, low),
        "cwagent-available": cwagent_available(m, low),
        "mon-scripts": scripts(m, False),
        "mon-scripts-incl-cache": scripts(m, True),
        "cloudwatchmon": scripts(m, False),
        "cloudwatchmon-incl-cache": scripts(m, True),
        "telegraf": telegraf(m, low),
        "vector": vector(m),
        "collectd": collectd(m),
        "ec2-memory": ec2_memory(m),
    }
    json.dump(presets, sys.stdout)


main()
