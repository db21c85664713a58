# SPDX-License-Identifier: GPL-2.0
"""What a function of the kernel is for, by its name: to compare families with it.

The first pattern that is met counts. Which part of Glass a function belongs to is
said by its prefix, as the layout of module/ has it.
"""

import re

OTHER = "other functions of the kernel"

PURPOSES = [(name, re.compile(pattern)) for name, pattern in (
    ("user space", r"^\[user\]$"),
    # Glass, from the device up.
    ("the device", r"^(glass_dev_|dev_).*\[glass\]|^eth_|^loopback_|^(__)?dev_queue_xmit"
                   r"|^dev_hard_start|^validate_xmit|^(__)?netif_|^process_backlog|^net_rx_"
                   r"|^__napi|^napi_|^enqueue_to_backlog|^dev_nit"),
    ("output, route", r"^(glass_output|output_|glass_route|route_|glass_wire_(encode|pseudo|fold))"
                      r".*\[glass\]"),
    ("input", r"^(glass_input|input_|glass_wire_decode).*\[glass\]"),
    ("look-up, tables, counters",
     r"^(glass_conn|conn_|glass_port|port_|glass_sk_get|rx_find_socket|transport_demux"
     r"|glass_stats).*\[glass\]|rhash|^rht_|siphash"),
    ("the socket", r"^(glass_sk_|glass_create|glass_release|glass_cred|protosw|glass_protosw"
                   r"|glass_memory|memory_|glass_room|room_|glass_stream|stream_|glass_seqpacket"
                   r"|seqpacket_|glass_dgram|dgram_|glass_pages|pages_|glass_zerocopy|glass_stamp)"
                   r".*\[glass\]|^_*(unix|vsock|scm)_|^maybe_add_creds"),
    ("the transport", r"\[glass\]$|^(__)?(tcp|udp|inet|ip|ipv4|fib|raw|skc|reqsk|bictcp|cubictcp)_"
                      r"|\[(vsock|vmw_\w+|vsock_loopback)\]$"),
    # What the kernel does for all of them.
    ("the scheduler",
     r"^__schedule$|^schedule|sched_clock|load_avg|eevdf|entity|entities|update_curr|^psi_"
     r"|rq_clock|^pick_|ttwu|try_to_wake|^place_|task_fair|enqueue_task|dequeue_task|resched"
     r"|__switch|switch_(mm|fpu|ldt)|finish_task|^put_prev|^set_next|^select_task|^task_tick"
     r"|prepare_to_wait|finish_wait|wait_queue|__wake_up|wake_function|^wait_woken|fpregs"
     r"|^dl_server|^update_deadline|_preempt$|rseq|^cr4_|__rb_|vruntime"
     r"|rcu_note_context|task_rq_lock|^record_times|^mm_cid|^xfd_|load_tls|^cpuacct"),
    ("RCU's callbacks", r"call_rcu|rcu_(core|do|free|seg)|kvfree|cblist"),
    ("memory", r"kmem|kmalloc|kfree|slab|memset|alloc_pages|free_unref|free_one_page"
               r"|pcppages|get_page_from|clear_page|cmpxchg16b|memcg|obj_cgroup|folio|^lru_"
               r"|mod_(node|zone|objcg|memcg)"),
    ("the buffer", r"skb|page_frag|^sock_[wr]free|^sk_filter"),
    ("copies, and their checks", r"rep_movs|copy_|memcpy|__check|heap_object|virt_addr|_copy|iov_"
                                 r"|import_|^move_addr|stack_object|vmalloc_addr"),
    ("locks, BH, RCU", r"spin_|lock_sock|release_sock|local_bh|rcu_read|mutex|^preempt|^migrate"
                       r"|rwsem|percpu_counter|^down_|^up_"),
    ("timers, clocks", r"timer|jiffies|calc_wheel|^ktime|read_tsc|^tick_|get_random|chacha"),
    ("system calls, VFS, sockfs, security modules",
     r"inode|dentry|^d_|^__d_|file|^fd|sock|fput|evict|iput|apparmor|^aa_|security|tomoyo"
     r"|syscall|sys_|^sk_|path|mnt|truncate|^xa_|^xas_|^ima|lsm|entry_|exit|module|^do_|x64"
     r"|locks_|^ksys|^vfs|^rw_|fsnotify|dnotify|epoll|^ep_|^dput|lockref|notify"),
)]


def purpose(function):
    """What it is for."""
    return next((name for name, pattern in PURPOSES if pattern.search(function)), OTHER)
