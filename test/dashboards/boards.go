package main

// boards are the six dashboards.
func boards() []board {
	return []board{overview(), members(), jobs(), kafka(), hosts(), alerting()}
}

func overview() board {
	return board{"belfry-overview", "Belfry: overview and SLOs", []panel{
		{title: "Late starts, 1 h", unit: "percentunit", now: true, query: `max(belfry:late_starts:ratio1h)`, says: "Share of runs that started more than a second late; 0.1 % are allowed."},
		{title: "Oldest run that waits", unit: "s", now: true, query: `max(belfry_scheduler_overdue_seconds)`, says: "Age of the oldest run that should have started."},
		{title: "Missed, 1 h", unit: "short", now: true, query: `sum(increase(belfry_scheduler_skipped_total{reason="missed"}[1h]))`, says: "Due times that nobody could decide in time."},
		{title: "Lost, 1 h", unit: "short", now: true, query: `sum(increase(belfry_scheduler_lost_total[1h]))`, says: "Runs taken from workers that are gone."},
		{title: "Shards owned", unit: "percentunit", now: true, query: `sum(belfry_scheduler_shards) / max(belfry_scheduler_shards_expected)`, says: "1 when each shard has an owner."},
		{title: "Live workers", unit: "short", now: true, query: `sum(max by (cluster) (belfry_scheduler_workers))`, says: "Over all clusters."},

		{title: "Runs a second", unit: "ops", query: `sum by (cluster) (rate(belfry_worker_starts_total[1m]))`, legend: "{{cluster}}", says: "Commands started."},
		{title: "Lateness", unit: "s", query: `histogram_quantile(0.99, sum by (le, cluster) (rate(belfry_worker_lateness_seconds_bucket[5m])))`, legend: "{{cluster}} p99", says: "From when a run was to start to its start. The points are late runs, by ID."},
		{title: "Staged ahead", unit: "s", query: `histogram_quantile(0.05, sum by (le) (rate(belfry_scheduler_staged_ahead_seconds_bucket[5m])))`, legend: "p5", says: "How long before their start runs are committed: what hides a slow Kafka."},
		{title: "How runs end", unit: "ops", query: `sum by (state) (rate(belfry_scheduler_ended_total[1m]))`, legend: "{{state}}", says: "Runs that reached their final state."},
		{title: "Overdue runs", unit: "short", query: `sum by (cluster) (belfry_scheduler_overdue_runs)`, legend: "{{cluster}}", says: "Runs that should have started."},
		{title: "Free slots", unit: "short", query: `max by (cluster) (belfry_scheduler_slots_free)`, legend: "{{cluster}}", says: "That runs can reach."},
		{title: "Not ready", unit: "short", query: `sum by (code) (belfry_unready)`, legend: "{{code}}", says: "Members by what keeps them from their work."},
		{title: "Late starts", unit: "percentunit", query: `belfry:late_starts:ratio5m`, legend: "{{cluster}}", says: "Share of the last 5 minutes."},
		{title: "Dead letters", unit: "short", query: `sum(increase(belfry_scheduler_dead_letters_total[10m]))`, legend: "in 10 min", says: "Runs given up and records that could not be read."},
	}}
}

func members() board {
	return board{"belfry-schedulers", "Belfry: schedulers and workers", []panel{
		{title: "Shards", unit: "short", query: `belfry_scheduler_shards`, legend: "{{instance}}", says: "Owned and loaded."},
		{title: "Transactions", unit: "s", query: `histogram_quantile(0.99, sum by (le, instance) (rate(belfry_scheduler_transaction_seconds_bucket[5m])))`, legend: "{{instance}} p99", says: "From begin to commit."},
		{title: "Transactions a second", unit: "ops", query: `sum by (instance) (rate(belfry_scheduler_transaction_seconds_count[1m]))`, legend: "{{instance}}", says: "Of all owned shards."},
		{title: "Records a transaction", unit: "short", query: `sum(rate(belfry_scheduler_transaction_records_sum[5m])) / sum(rate(belfry_scheduler_transaction_records_count[5m]))`, legend: "mean", says: "Many records cost no more than few."},
		{title: "Events unread", unit: "short", query: `sum by (instance) (belfry_scheduler_events_lag_records)`, legend: "{{instance}}", says: "Records of events between the shards and its end."},
		{title: "Take-overs", unit: "s", query: `sum(increase(belfry_scheduler_take_over_seconds_sum[1h])) / sum(increase(belfry_scheduler_take_over_seconds_count[1h]))`, legend: "mean of 1 h", says: "From fencing to the first step of a shard."},
		{title: "Shards given up", unit: "short", query: `sum by (class) (increase(belfry_scheduler_given_up_total[10m]))`, legend: "{{class}}", says: "After an error."},
		{title: "Errors of schedulers", unit: "short", query: `sum by (what) (increase(belfry_scheduler_errors_total[10m]))`, legend: "{{what}}", says: "Outside transactions, in 10 min."},
		{title: "Unfinished runs", unit: "short", query: `sum by (instance) (belfry_scheduler_unfinished_runs)`, legend: "{{instance}}", says: "In the owned shards."},
		{title: "Slots in use", unit: "percentunit", query: `1 - sum by (cluster) (belfry_worker_slots_free) / sum by (cluster) (belfry_worker_slots)`, legend: "{{cluster}}", says: "As of the latest beats."},
		{title: "Claims", unit: "s", query: `histogram_quantile(0.99, sum by (le, cluster) (rate(belfry_worker_claim_seconds_bucket[5m])))`, legend: "{{cluster}} p99", says: "Time of claim transactions."},
		{title: "Claimed ahead", unit: "s", query: `histogram_quantile(0.5, sum by (le, cluster) (rate(belfry_worker_claimed_ahead_seconds_bucket[5m])))`, legend: "{{cluster}} p50", says: "From the claim to when the run is to start."},
		{title: "Returns", unit: "ops", query: `sum by (reason) (rate(belfry_worker_returns_total[5m]))`, legend: "{{reason}}", says: "Unstarted runs given back."},
		{title: "Errors of workers", unit: "short", query: `sum by (what) (increase(belfry_worker_errors_total[10m]))`, legend: "{{what}}", says: "Of Kafka clients, in 10 min."},
		{title: "Since the last beat", unit: "s", query: `time() - (belfry_worker_last_beat_timestamp_seconds > 0)`, legend: "{{instance}}", says: "Acknowledged, by worker."},
		{title: "Since the last commit", unit: "s", query: `time() - (belfry_scheduler_last_commit_timestamp_seconds > 0)`, legend: "{{instance}}", says: "Of any shard, by scheduler."},
		{title: "Clock offset", unit: "s", query: `belfry_scheduler_clock_offset_seconds`, legend: "{{instance}}", says: "Of the member that differs most."},
		{title: "Running commands", unit: "short", query: `sum by (cluster) (belfry_worker_running_runs)`, legend: "{{cluster}}", says: "Now."},
	}}
}

func jobs() board {
	return board{"belfry-job", "Belfry: jobs", []panel{
		{title: "Jobs", unit: "short", now: true, query: `sum(belfry_scheduler_jobs)`, says: "In force."},
		{title: "Enqueued, 1 h", unit: "short", now: true, query: `sum(increase(belfry_scheduler_enqueued_total[1h]))`, says: "Attempts."},
		{title: "Retries, 1 h", unit: "short", now: true, query: `sum(increase(belfry_scheduler_retries_total[1h]))`, says: "Attempts that failed and are tried again."},
		{title: "Longest command", unit: "s", now: true, query: `max(belfry_worker_longest_run_seconds)`, says: "That runs now."},
		{title: "Set aside", unit: "short", now: true, query: `sum(belfry_scheduler_set_aside_total)`, says: "Jobs and clusters for which nothing is decided."},
		{title: "Placed anew, 1 h", unit: "short", now: true, query: `sum(increase(belfry_scheduler_placed_anew_total[1h]))`, says: "Runs put on a queue once more for the same attempt."},

		{title: "Triggers", unit: "ops", query: `sum by (trigger) (rate(belfry_scheduler_enqueued_total[1m]))`, legend: "{{trigger}}", says: "Why attempts were enqueued."},
		{title: "Skipped", unit: "short", query: `sum by (reason) (increase(belfry_scheduler_skipped_total[10m])) > 0 or sum(increase(belfry_scheduler_skipped_total[10m]))`, legend: "{{reason}}", says: "Due times not run, in 10 min."},
		{title: "Attempts", unit: "ops", query: `sum by (state) (rate(belfry_worker_outcomes_total[1m]))`, legend: "{{state}}", says: "How commands end."},
		{title: "Run time", unit: "s", query: `histogram_quantile(0.9, sum by (le, cluster) (rate(belfry_worker_run_seconds_bucket[5m])))`, legend: "{{cluster}} p90", says: "Of commands."},
		{title: "Failing share", unit: "percentunit", query: `sum by (cluster) (rate(belfry_scheduler_ended_total{state!="succeeded"}[5m])) / sum by (cluster) (rate(belfry_scheduler_ended_total[5m]))`, legend: "{{cluster}}", says: "Of the runs that ended."},
		{title: "Late reports", unit: "short", query: `sum by (report) (increase(belfry_scheduler_late_reports_total[10m]))`, legend: "{{report}}", says: "Of handings-out that no longer counted."},
	}}
}

func kafka() board {
	return board{"belfry-kafka", "Belfry: Kafka and ZooKeeper", []panel{
		{title: "Active controllers", unit: "short", now: true, query: `sum(kafka_controller_active_controllers)`, says: "1 when all is well."},
		{title: "Offline partitions", unit: "short", now: true, query: `max(kafka_controller_offline_partitions)`, says: "Without a leader."},
		{title: "Under min ISR", unit: "short", now: true, query: `sum(kafka_server_under_min_isr_partitions)`, says: "Writes to these fail."},
		{title: "Under-replicated", unit: "short", now: true, query: `sum(kafka_server_under_replicated_partitions)`, says: "A replica is missing."},
		{title: "Brokers", unit: "short", now: true, query: `sum(up{job="kafka"})`, says: "That answer."},
		{title: "Unclean elections", unit: "short", now: true, query: `sum(kafka_controller_unclean_elections_total)`, says: "Since the start."},

		{title: "Produce", unit: "ms", query: `kafka_network_request_total_milliseconds{request="Produce",quantile="0.99"}`, legend: "{{instance}} p99", says: "As brokers see it."},
		{title: "Requests a second", unit: "reqps", query: `sum by (request) (rate(kafka_network_requests_total[1m]))`, legend: "{{request}}", says: "Of the kinds that Belfry lives by."},
		{title: "Handlers idle", unit: "percentunit", query: `kafka_server_request_handler_idle_ratio`, legend: "{{instance}}", says: "Below 0.3 requests begin to queue."},
		{title: "Request queue", unit: "short", query: `kafka_network_request_queue_size`, legend: "{{instance}}", says: "Requests that wait for a handler."},
		{title: "Bytes in", unit: "Bps", query: `sum by (instance) (rate(kafka_server_bytesin_total[1m]))`, legend: "{{instance}}", says: "From producers."},
		{title: "ISR shrinks", unit: "short", query: `sum by (instance) (increase(kafka_server_isr_shrinks_total[10m]))`, legend: "{{instance}}", says: "Replicas that fell out of sync, in 10 min."},
		{title: "Garbage collection", unit: "percentunit", query: `sum by (instance) (rate(jvm_gc_collection_seconds_sum{job="kafka"}[1m]))`, legend: "{{instance}}", says: "Share of the time."},
		{title: "Raft epoch", unit: "short", kraft: true, query: `max(kafka_raft_current_epoch)`, legend: "epoch", says: "Grows with each election of a controller."},
		{title: "ZooKeeper", unit: "ms", zookeeper: true, query: `zookeeper_avg_latency`, legend: "{{instance}} mean", says: "How long answers take."},
		{title: "ZooKeeper connections", unit: "short", zookeeper: true, query: `zookeeper_num_alive_connections`, legend: "{{instance}}", says: "Of brokers."},

		{title: "Belfry's requests", unit: "reqps", query: `sum by (client) (rate(belfry_kafka_request_duration_e2e_seconds_count[1m]))`, legend: "{{client}}", says: "Requests, and responses read, a second."},
		{title: "Belfry's request latency", unit: "s", query: `histogram_quantile(0.99, sum by (le, client) (rate(belfry_kafka_request_duration_e2e_seconds_bucket[5m])))`, legend: "{{client}} p99", says: "As the clients see it; fetches wait for records."},
		{title: "Belfry's records", unit: "ops", query: `sum by (client) (rate(belfry_kafka_fetch_records_total[1m]))`, legend: "{{client}} read", says: "Records consumed a second."},
		{title: "Belfry's bytes out", unit: "Bps", query: `sum by (instance) (rate(belfry_kafka_write_bytes_total[1m]))`, legend: "{{instance}}", says: "To brokers."},
		{title: "Belfry's I/O wait", unit: "percentunit", query: `sum by (instance) (rate(belfry_kafka_write_wait_seconds_sum[1m]))`, legend: "{{instance}} write", says: "Requests that wait to be written."},
		{title: "Belfry's failures", unit: "ops", query: `sum by (instance) (rate(belfry_kafka_connect_errors_total[5m]) + rate(belfry_kafka_read_errors_total[5m]) + rate(belfry_kafka_write_errors_total[5m]))`, legend: "{{instance}}", says: "Connections refused and cut."},
	}}
}

func hosts() board {
	return board{"belfry-hosts", "Belfry: hosts", []panel{
		{title: "Processors", unit: "percentunit", query: `1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))`, legend: "{{instance}}", says: "In use."},
		{title: "Memory", unit: "percentunit", query: `1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes`, legend: "{{instance}}", says: "That cannot be had."},
		{title: "Disks free", unit: "percentunit", query: `min by (instance) (node_filesystem_avail_bytes{fstype!~"tmpfs|squashfs"} / node_filesystem_size_bytes)`, legend: "{{instance}}", says: "Of the fullest."},
		{title: "Disk time", unit: "percentunit", query: `max by (instance) (rate(node_disk_io_time_seconds_total[1m]))`, legend: "{{instance}}", says: "Of the busiest disk."},
		{title: "Network", unit: "Bps", query: `sum by (instance) (rate(node_network_transmit_bytes_total[1m]))`, legend: "{{instance}} out", says: "Over all devices."},
		{title: "Segments sent again", unit: "percentunit", query: `sum by (instance) (rate(node_netstat_Tcp_RetransSegs[5m])) / sum by (instance) (rate(node_netstat_Tcp_OutSegs[5m]))`, legend: "{{instance}}", says: "Packets that were lost."},
		{title: "Clock", unit: "s", query: `node_timex_offset_seconds`, legend: "{{instance}}", says: "As the kernel estimates it."},
		{title: "Blocked processes", unit: "short", query: `node_procs_blocked`, legend: "{{instance}}", says: "That wait for a disk."},
		{title: "Load", unit: "short", query: `node_load1`, legend: "{{instance}}", says: "Processes that want a processor."},
		{title: "Belfry's memory", unit: "bytes", query: `process_resident_memory_bytes{job=~"belfry-.*"}`, legend: "{{instance}}", says: "Without its commands."},
		{title: "Belfry's control groups", unit: "bytes", query: `belfry_cgroup_memory_used_bytes`, legend: "{{instance}}", says: "With its commands and caches."},
		{title: "Held back", unit: "percentunit", query: `rate(belfry_cgroup_cpu_throttled_seconds_total[1m])`, legend: "{{instance}}", says: "Share of the time, for having used its share of processors."},
	}}
}

func alerting() board {
	return board{"belfry-alerting", "Belfry: alerting and on-call", []panel{
		{title: "Pages now", unit: "short", now: true, query: `count(ALERTS{alertstate="firing",notify="page"}) or vector(0)`, says: "Alerts that wake somebody."},
		{title: "Tickets now", unit: "short", now: true, query: `count(ALERTS{alertstate="firing",notify="ticket"}) or vector(0)`, says: "Alerts that wait for the morning."},
		{title: "Targets down", unit: "short", now: true, query: `count(up == 0) or vector(0)`, says: "That Prometheus cannot scrape."},
		{title: "Watchdog", unit: "short", now: true, query: `count(ALERTS{alertname="Watchdog",alertstate="firing"})`, says: "1, or the way is cut."},

		{title: "Firing", unit: "short", query: `count by (alertname, severity) (ALERTS{alertstate="firing"})`, legend: "{{alertname}} {{severity}}", says: "By alert."},
		{title: "Notices", unit: "ops", query: `sum by (integration) (rate(alertmanager_notifications_total[5m]))`, legend: "{{integration}}", says: "Sent by Alertmanager."},
		{title: "Notices that failed", unit: "ops", query: `sum by (integration) (rate(alertmanager_notifications_failed_total[5m]))`, legend: "{{integration}}", says: "And are tried again."},
		{title: "Evaluation of rules", unit: "s", query: `max by (rule_group) (prometheus_rule_group_last_duration_seconds)`, legend: "{{rule_group}}", says: "Must stay below the interval of 5 s."},
		{title: "Scrapes", unit: "s", query: `max by (job) (scrape_duration_seconds)`, legend: "{{job}}", says: "The slowest of each job."},
		{title: "Series of a scrape", unit: "short", query: `max by (job) (scrape_samples_scraped)`, legend: "{{job}}", says: "The largest of each job; a worker has at most 400."},
	}}
}
