// SPDX-License-Identifier: GPL-2.0
#include "lib/layer.h"

#include <algorithm>
#include <array>

namespace glass {

namespace {

struct LayerName {
	std::string_view key;
	std::string_view title;
};

constexpr std::array<LayerName, layers> names = {{
	{"system_call", "system call"},
	{"vfs", "VFS"},
	{"sockfs", "sockfs"},
	{"proto_ops", "proto_ops"},
	{"proto", "proto"},
	{"output", "output"},
	{"device", "device"},
	{"input", "input"},
	{"wakeup", "wake-up"},
	{"buffers", "buffers"},
	{"locks", "locks"},
	{"rcu", "RCU"},
	{"memory", "memory"},
	{"accounting", "accounting"},
	{"security", "security"},
	{"scheduler", "scheduler"},
	{"interrupt", "interrupt"},
}};

/** Names of functions; one that ends with `*` is how names begin. */
struct Words {
	std::optional<Layer> layer;
	std::string_view words;
};

/*
 * Of the kernel itself, as 6.12 and 7.3 have them. Where a name is in two
 * kernels something else, both stand here: what does not exist costs nothing.
 */
constexpr std::array core = {
	Words{Layer::SystemCall,
	      "__x64_sys_socket __x64_sys_socketpair __x64_sys_bind __x64_sys_listen "
	      "__x64_sys_accept __x64_sys_accept4 __x64_sys_connect __x64_sys_getsockname "
	      "__x64_sys_getpeername __x64_sys_sendto __x64_sys_recvfrom __x64_sys_setsockopt "
	      "__x64_sys_getsockopt __x64_sys_shutdown __x64_sys_sendmsg __x64_sys_recvmsg "
	      "__x64_sys_sendmmsg __x64_sys_recvmmsg __x64_sys_read __x64_sys_write "
	      "__x64_sys_readv __x64_sys_writev __x64_sys_preadv2 __x64_sys_pwritev2 "
	      "__x64_sys_close __x64_sys_poll __x64_sys_ppoll __x64_sys_select "
	      "__x64_sys_pselect6 __x64_sys_epoll_* __x64_sys_ioctl __x64_sys_fcntl "
	      "__x64_sys_sendfile64 __x64_sys_splice __x64_sys_dup __x64_sys_dup2 "
	      "__x64_sys_dup3 __x64_sys_fstat __x64_sys_newfstat __x64_sys_io_uring_enter "
	      "ksys_read ksys_write __sys_socket* __sys_bind* __sys_listen* __sys_accept4* "
	      "__sys_connect* __sys_getsockname* __sys_getpeername* __sys_sendto __sys_recvfrom "
	      "__sys_setsockopt __sys_getsockopt __sys_shutdown* __sys_sendm* __sys_recvm* "
	      "___sys_sendmsg ___sys_recvmsg do_accept do_sock_setsockopt do_sock_getsockopt "
	      "do_recvmmsg do_sys_poll do_select core_sys_select do_epoll_* move_addr_to_kernel "
	      "move_addr_to_user import_ubuf import_iovec __import_iovec copy_msghdr_from_user "
	      "__copy_msghdr do_readv do_writev"},
	Words{Layer::Vfs,
	      "vfs_read vfs_write vfs_readv vfs_writev vfs_iter_read vfs_iter_write "
	      "vfs_iocb_iter_read vfs_iocb_iter_write vfs_ioctl vfs_poll do_iter_readv_writev "
	      "rw_verify_area fget fget_raw fput __fput __fput_sync __fput_deferred ____fput "
	      "task_work_run delayed_fput close_files filp_close filp_flush file_close_fd "
	      "close_fd alloc_fd fd_install get_unused_fd_flags put_unused_fd "
	      "alloc_file_pseudo alloc_empty_file init_file "
	      "new_inode_pseudo alloc_inode inode_init_always inode_init_always_gfp iput evict "
	      "evict_inodes clear_inode destroy_inode __destroy_inode i_callback "
	      "d_alloc_pseudo __d_alloc d_instantiate dput __dentry_kill dentry_kill d_free "
	      "dentry_free dentry_unlink_inode d_set_d_op mntget mntput mntput_no_expire "
	      "file_free locks_remove_file locks_remove_posix fsnotify* fcntl_setlk "
	      "do_sendfile do_splice splice_* __splice* direct_splice_actor "
	      "splice_direct_to_actor iter_file_splice_write copy_splice_read poll_initwait "
	      "poll_freewait __pollwait poll_select_* ep_* __ep_* eventpoll_release_file "
	      "set_nlink drop_nlink inode_nohighmem"},
	Words{Layer::Sockfs,
	      "sock_alloc sock_alloc_file sock_alloc_inode sock_free_inode sock_close sock_create "
	      "sock_create_lite sock_create_kern __sock_create sock_do_ioctl sock_fasync "
	      "sock_from_file sock_ioctl sock_mmap sock_poll sock_read_iter sock_recvmsg "
	      "sock_release __sock_release sock_sendmsg __sock_sendmsg sock_show_fdinfo "
	      "sock_splice_eof sock_splice_read sock_write_iter sock_setsockopt sockfs_* "
	      "sock_wake_async sock_map_fd sockfd_lookup* sockfd_lookup_light "
	      "kernel_sendmsg kernel_recvmsg"},
	Words{Layer::ProtoOps,
	      "inet_accept __inet_accept inet_bind inet_bind_sk __inet_bind inet_create "
	      "inet_dgram_connect inet_getname inet_ioctl inet_listen __inet_listen_sk "
	      "inet_recvmsg inet_release inet_send_prepare inet_sendmsg inet_shutdown "
	      "inet_splice_eof inet_stream_connect __inet_stream_connect inet_wait_for_connect "
	      "inet6_bind inet6_create inet6_getname inet6_ioctl inet6_recvmsg inet6_release "
	      "inet6_sendmsg inet_autobind tcp_poll udp_poll datagram_poll tcp_mmap "
	      "sock_common_* sock_no_* unix_accept unix_bind unix_compat_ioctl unix_create "
	      "unix_dgram_* unix_stream_* unix_seqpacket_* unix_getname unix_ioctl unix_listen "
	      "unix_poll unix_read_skb unix_release unix_shutdown unix_socketpair "
	      "packet_sendmsg packet_recvmsg packet_bind packet_create packet_release "
	      "packet_poll packet_setsockopt packet_getsockopt netlink_bind netlink_connect "
	      "netlink_create netlink_getname netlink_recvmsg netlink_release netlink_sendmsg "
	      "netlink_setsockopt netlink_getsockopt"},
	Words{Layer::Proto,
	      "tcp_* __tcp_* udp_* __udp_* udpv6_* tcpv6_* inet_csk_* inet_hash* __inet_hash* "
	      "inet_unhash inet_put_port __inet_put_port inet_ehash* inet_bhash* inet_bind_* "
	      "inet_reqsk_* inet_twsk_* __inet_twsk_* reqsk_* __reqsk* inet_sk_* "
	      "inet_rcv_saddr_* inet_addr_* ping_* raw_sendmsg raw_recvmsg raw_hash_sk "
	      "ip4_datagram_connect __ip4_datagram_connect ip4_datagram_release_cb "
	      "secure_tcp* secure_ipv4* bictcp_* cubictcp_* unix_create1 unix_release_sock "
	      "unix_sock_destructor unix_peer_get unix_find_* unix_autobind unix_close "
	      "unix_state_* unix_maybe_* unix_copy_addr unix_may_send unix_dgram_disconnected "
	      "unix_table_* unix_attach_fds unix_detach_fds unix_scm_* scm_* __scm_* "
	      "maybe_add_creds unix_unhash unix_gc netlink_unicast netlink_* __netlink_* "
	      "packet_* sk_stream_* sk_wait_data sk_common_release sk_alloc sk_prot_alloc "
	      "sk_clone* sk_destruct __sk_destruct sk_free __sk_free sock_init_data* "
	      "sock_orphan* sk_setsockopt sk_getsockopt sk_set_rcvlowat sk_ioctl "
	      "sk_reset_timer sk_stop_timer* "
	      "sk_stream_kill_queues sk_setup_caps sk_dst_check __sk_dst_check "
	      "__sk_backlog_rcv __release_sock sock_cmsg_send __sock_cmsg_send "
	      "sock_get_timeout sk_error_report sk_capable sk_ns_capable sk_net_capable"},
	Words{Layer::Output,
	      "ip_queue_xmit __ip_queue_xmit ip_local_out __ip_local_out ip_output "
	      "ip_finish_output* __ip_finish_output ip_append_data __ip_append_data ip_make_skb "
	      "ip_send_skb ip_send_check ip_push_pending_frames ip_build_and_send_pkt "
	      "ip_generic_getfrag ip_setup_cork ip_send_unicast_reply ip_route_output* "
	      "__ip_route_output* ip_select_ident* __ip_select_ident ip_copy_addrs ip_dst_mtu* "
	      "ip_fragment ip_do_fragment ipv4_dst_check ipv4_mtu fib_table_lookup "
	      "fib_select_path rt_dst_alloc rt_set_nexthop* find_exception dst_release dst_alloc "
	      "neigh_* __neigh_* nf_hook_slow ip6_xmit ip6_output ip6_finish_output* "
	      "ip6_local_out ip6_append_data ip6_route_output* skb_checksum_help"},
	Words{Layer::Device,
	      "dev_queue_xmit* __dev_queue_xmit __dev_direct_xmit dev_direct_xmit "
	      "dev_hard_start_xmit dev_qdisc_enqueue validate_xmit_* netif_skb_features "
	      "netdev_core_pick_tx netdev_pick_tx skb_network_protocol sch_direct_xmit "
	      "__qdisc_run pfifo_fast_* fq_codel_* fq_* netem_* tbf_* loopback_xmit "
	      "eth_type_trans eth_header eth_validate_addr dev_queue_xmit_nit "
	      "skb_csum_hwoffload_help harmonize_features* skb_tx_error net_tx_action "
	      "__netif_schedule dev_loopback_xmit packet_rcv tpacket_rcv "
	      "netif_rx netif_rx_internal __netif_rx enqueue_to_backlog"},
	Words{Layer::Input,
	      "do_softirq* handle_softirqs __do_softirq net_rx_action __napi_poll "
	      "process_backlog netif_receive_skb* __netif_receive_skb* napi_gro_* "
	      "napi_complete_done ip_rcv* ip_list_rcv* ip_local_deliver* "
	      "ip_protocol_deliver_rcu ip_route_input* ip_sublist_rcv* raw_local_deliver "
	      "tcp_v4_rcv tcp_v4_do_rcv tcp_v4_early_demux tcp_v6_rcv tcp_v6_do_rcv "
	      "tcp_rcv_* tcp_filter tcp_add_backlog tcp_data_queue* tcp_queue_rcv "
	      "udp_rcv __udp4_lib_* udp4_lib_* udp_unicast_rcv_skb udp_queue_rcv_* "
	      "__udp_enqueue_schedule_skb udp_v4_early_demux icmp_rcv icmp_* sk_filter_trim_cap "
	      "__sk_receive_skb sk_add_backlog sock_queue_rcv_skb* __sock_queue_rcv_skb "
	      "skb_defer_rx_timestamp ipv6_rcv* ip6_rcv* ip6_input*"},
	Words{Layer::Wakeup,
	      "sock_def_readable sock_def_write_space sock_def_wakeup sock_def_error_report "
	      "sk_stream_write_space unix_write_space tcp_data_ready tcp_check_space "
	      "__wake_up* wake_up_* pollwake ep_poll_callback "
	      "ep_autoremove_wake_function autoremove_wake_function woken_wake_function "
	      "default_wake_function receiver_wake_function try_to_wake_up wake_up_process "
	      "unix_dgram_peer_wake* kill_fasync sk_send_sigurg "
	      "wake_up_q rcuwait_wake_up"},
	Words{Layer::Buffers,
	      "__alloc_skb alloc_skb_with_frags skb_* __skb_* ___skb_* kfree_skb* __kfree_skb* "
	      "consume_skb napi_consume_skb pskb_* __pskb_* build_skb* __build_skb* "
	      "kfree_skbmem slab_build_skb napi_build_skb csum_* _copy_from_iter* "
	      "_copy_to_iter copy_page_from_iter copy_page_to_iter "
	      "__copy_skb_header __zerocopy_sg_from_iter zerocopy_sg_from_iter "
	      "msg_zerocopy_* iov_iter_* copyout copyin sock_alloc_send_pskb "
	      "sock_wmalloc sock_omalloc sk_page_frag_refill skb_page_frag_refill "
	      "sk_skb_reason_drop simple_copy_to_iter datagram_* __datagram_*"},
	Words{Layer::Locks,
	      "_raw_spin_* _raw_read_* _raw_write_* __raw_spin* mutex_* __mutex_* down_* up_* "
	      "lock_sock_* __lock_sock* release_sock __local_bh_* rt_* queued_spin_* "
	      "native_queued_spin_* osq_* __sk_flush_backlog rtnl_lock rtnl_unlock "
	      "prepare_to_wait* finish_wait add_wait_queue* remove_wait_queue "
	      "init_wait_entry"},
	Words{Layer::Rcu,
	      "__rcu_read_lock __rcu_read_unlock call_rcu call_rcu_hurry __call_rcu_common "
	      "kvfree_call_rcu synchronize_rcu synchronize_rcu_expedited synchronize_net"},
	Words{Layer::Memory,
	      "kmem_cache_* kfree kvfree __kmalloc* kmalloc_* __kvmalloc* ___slab_alloc "
	      "__slab_* get_partial_node* __alloc_pages* alloc_pages* __free_pages* "
	      "free_unref_* free_frozen_* get_page_from_freelist __page_frag_* page_frag_* "
	      "__folio_* __put_page kmalloc_reserve ksize krealloc* __get_free_pages "
	      "free_pages memset_orig __check_object_size "
	      "check_stack_object __check_heap_object* inode_init_once"},
	Words{Layer::Accounting,
	      "__sk_mem_* sk_mem_* sk_forced_mem_* sock_wfree __sock_wfree sock_rfree "
	      "sock_efree sock_ofree sock_kmalloc sock_kfree_s sock_rmem_free tcp_wfree "
	      "mem_cgroup_* __mem_cgroup_* obj_cgroup_* __memcg_* memcg_* "
	      "cgroup_sk_* sock_inuse_* sock_prot_inuse_* proto_* percpu_counter_* "
	      "__percpu_counter_* timer_* __timer_* mod_timer add_timer* del_timer* "
	      "__mod_timer ktime_* get_random_* __get_random_* _get_random_* siphash_* "
	      "__siphash* jhash* current_time inode_init_owner inode_sb_list_add file_update_time "
	      "touch_atime "
	      "atime_needs_update refcount_* "
	      "get_next_ino sock_gen_cookie* __sock_gen_cookie* sock_i_uid "
	      "sock_i_ino __sock_i_ino net_enable_timestamp net_disable_timestamp "
	      "sk_net_refcnt_upgrade module_put try_module_get rcuref_* "
	      "tcp_init_metrics tcp_update_metrics tcp_get_metrics"},
	Words{Layer::Security,
	      "security_socket_* security_sk_* security_skb_* security_file_* "
	      "security_inode_* security_sock_* security_unix_* security_netlink_* "
	      "apparmor_socket_* apparmor_sk_* apparmor_file_* apparmor_inet_* aa_sk_* aa_sock_* "
	      "aa_inet_* aa_file_* apparmor_unix_* aa_unix_* selinux_socket_* tomoyo_socket_* "
	      "tomoyo_check_* tomoyo_sock_* "
	      "__cgroup_bpf_run_* bpf_lsm_socket_* capable ns_capable* security_capable "
	      "cap_capable"},
	Words{Layer::Scheduler,
	      "schedule schedule_* __schedule* io_schedule* __cond_resched select_task_rq_* "
	      "ttwu_* resched_* check_preempt_* wakeup_preempt* enqueue_task* dequeue_task* "
	      "activate_task update_rq_clock pick_next_task* put_prev_task* finish_task_switch* "
	      "hrtimer_* __hrtimer_* wait_woken wait_for_completion* signal_* "
	      "__set_current_blocked"},
	Words{Layer::Interrupt,
	      "__sysvec_* __common_interrupt irq_enter_rcu irq_exit_rcu irq_exit irq_enter "
	      "irqtime_* run_timer_softirq rcu_core* run_rebalance_domains sched_balance_softirq"},
	// What the beginnings above would take and has no part in a call.
	Words{std::nullopt,
	      "netlink_proto_init netlink_tap_init_net tcp_bpf_* tcp_sysctl_* tcp4_seq_* "
	      "tcp_seq_* udp_seq_* udp4_seq_* tcp_diag* udp_diag* unix_seq_* unix_diag* "
	      "inet_diag_* rt_mutex_* rt_cache_* "
	      "ktime_get_update_offsets_now memcg_stat_* neigh_proc_* timer_interrupt "
	      "hrtimer_interrupt "
	      "fq_codel_dump* fq_dump* netem_dump* skb_ext_* packet_seq_* icmp_sk_*"},
};

/* Of glass.ko: what its files are called. Which functions are in tables, the tables tell. */
constexpr std::array glass_module = {
	Words{Layer::ProtoOps,
	      "glass_sk_bind glass_sk_connect glass_sk_shutdown glass_sk_getname glass_sk_ioctl "
	      "glass_sk_sendmsg glass_sk_recvmsg glass_sk_release glass_create "
	      "glass_connected_connect glass_connected_socketpair glass_connected_listen "
	      "glass_connected_accept glass_connected_shutdown glass_connected_poll "
	      "glass_connected_ioctl glass_connected_splice_eof glass_connected_set_rcvlowat "
	      "glass_dgram_connect glass_dgram_poll glass_dgram_socketpair glass_stream_poll "
	      "glass_seqpacket_poll glass_sk_setsockopt glass_connected_setsockopt "
	      "glass_sk_getsockopt glass_connected_getsockopt"},
	Words{Layer::Proto,
	      "glass_* transport_* tx_* rx_* listen_* request_* timewait_* dgram_* seqpacket_* "
	      "stream_* record_* room_* port_* protosw_* set_number refuse_by_reset*"},
	Words{Layer::Output,
	      "glass_output* output_* glass_segment_transmit glass_segment_send* glass_wire_encode "
	      "glass_wire_fold glass_wire_pseudo_sum glass_segment_encode glass_route_* "
	      "tx_send_clone"},
	Words{Layer::Device, "glass_dev_* dev_*"},
	Words{Layer::Input,
	      "glass_rcv glass_input_* input_* glass_control_* control_rcv glass_transport_rcv "
	      "transport_demux glass_listen_rcv glass_timewait_rcv glass_wire_decode "
	      "glass_segment_decode glass_segment_read rx_find_socket rx_queue_in_order "
	      "rx_queue_own glass_rx_queue glass_tcb_input glass_tcb_received "
	      "glass_transport_backlog_rcv "
	      "glass_dgram_backlog_rcv glass_raw_backlog_rcv glass_tap_*"},
	Words{Layer::Wakeup, "glass_room_wake* room_wake_sleeper room_relay glass_tx_write_space "
			     "transport_write_space"},
	Words{Layer::Buffers, "glass_pages_* glass_rx_copy"},
	Words{Layer::Accounting, "glass_stats_* glass_memory_*"},
	Words{std::nullopt,
	      "glass_nl_* glass_init glass_exit glass_diag_* glass_proc_* glass_view_* "
	      "glass_sysctl_* glass_net_init glass_net_exit glass_netlink_* dev_put_attrs"},
};

/* Of the vsock modules. */
constexpr std::array vsock_modules = {
	Words{Layer::ProtoOps,
	      "vsock_accept vsock_bind vsock_connect vsock_connectible_* vsock_create "
	      "vsock_dgram_* vsock_getname vsock_ioctl vsock_listen vsock_poll vsock_release "
	      "vsock_shutdown vsock_socketpair"},
	Words{Layer::Proto, "vsock_* __vsock_* virtio_transport_*"},
	Words{Layer::Output, "virtio_transport_send_pkt* virtio_transport_alloc_skb"},
	Words{Layer::Device, "vsock_loopback_*"},
	Words{Layer::Input, "virtio_transport_recv_*"},
};

struct Module {
	std::string_view name;
	std::span<const Words> words;
};
constexpr std::array modules = {
	Module{"glass", glass_module},
	Module{"vsock", vsock_modules},
	Module{"vsock_loopback", vsock_modules},
	Module{"vmw_vsock_virtio_transport_common", vsock_modules},
};

/* The compiler's clones: foo.part.0 and foo.isra.0 are parts of foo. */
std::string_view without_suffix(std::string_view name)
{
	const auto dot = name.find('.', 1);

	return name.substr(0, dot);
}

} // namespace

std::string_view layer_title(Layer layer)
{
	return names[static_cast<std::size_t>(layer)].title;
}

std::string_view layer_key(Layer layer)
{
	return names[static_cast<std::size_t>(layer)].key;
}

void LayerMap::Table::add(std::optional<Layer> layer, std::string_view words)
{
	while (!words.empty()) {
		const auto end = std::min(words.find(' '), words.size());
		std::string_view word = words.substr(0, end);

		words.remove_prefix(std::min(end + 1, words.size()));
		if (word.ends_with('*')) {
			word.remove_suffix(1);
			prefixes[std::string(word)] = layer;
			shortest = std::min(shortest, word.size());
			longest = std::max(longest, word.size());
		} else if (!word.empty()) {
			exact[std::string(word)] = layer;
		}
	}
}

const std::optional<Layer> *LayerMap::Table::find(std::string_view name) const
{
	if (const auto found = exact.find(name); found != exact.end())
		return &found->second;
	for (std::size_t size = std::min(longest, name.size()); size >= shortest; size--) {
		const auto found = prefixes.find(name.substr(0, size));

		if (found != prefixes.end())
			return &found->second;
	}
	return nullptr;
}

LayerMap::LayerMap()
{
	for (const Words &row : core)
		core_.add(row.layer, row.words);
	for (const Module &module : modules)
		for (const Words &row : module.words)
			modules_[std::string(module.name)].add(row.layer, row.words);
}

void LayerMap::learn(std::string_view function, Layer layer)
{
	// What the table knows by its whole name is something more special than an entry point.
	core_.exact.try_emplace(std::string(function), layer);
	for (auto &[name, table] : modules_)
		table.exact[std::string(function)] = layer;
}

std::optional<Layer> LayerMap::find(std::string_view function, std::string_view module) const
{
	const std::string_view name = without_suffix(function);

	if (module.empty()) {
		const auto *found = core_.find(name);
		return found ? *found : std::nullopt;
	}
	const auto table = modules_.find(module);
	if (table == modules_.end())
		return std::nullopt;
	const auto *found = table->second.find(name);
	return found ? *found : std::nullopt;
}

} // namespace glass
