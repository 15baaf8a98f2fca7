package main

import (
	"os"
	"os/exec"
	"testing"
)

func TestLatency(t *testing.T) {
	for _, args := range []string{"--wait poll", "--wait spin", "--wait block --rate 2000", "--wait default --rate 2000", "--wait poll --rate 1000 --size 5000",
		"--loan --touch one --size 7", "--loan --copy-out", "--loan --touch one --size 100000"} {
		t.Run(args, func(t *testing.T) {
			r := measure(t, "latency --count 30 "+args)
			r.want(t, result{"count": 30.0, "lost": 0.0, "syscalls_per_msg": nil})
			r.known(t, "p50_ns", "max_ns", "msgs_per_s", "bytes_per_s", "allocs_per_msg", "cpu_s", "publish_p50_ns", "receiver_cpu_ns_per_msg")
		})
	}
}

func TestLatency_TinyPayloadHasNoTotal(t *testing.T) {
	measure(t, "latency --count 10 --size 7").want(t, result{"count": 10.0, "size": 7.0, "total_p50_ns": nil})
}

func TestCall(t *testing.T) {
	for _, args := range []string{"", "--wait default --rate 2000", "--wait block --rate 2000", "--size 7", "--response-size 100000", "--touch one"} {
		t.Run(args, func(t *testing.T) {
			r := measure(t, "call --count 30 "+args)
			r.want(t, result{"count": 30.0, "clients": 1.0, "stuck": false, "ratio_against_p50": nil, "rounds": 1.0})
			r.known(t, "p50_ns", "max_ns", "msgs_per_s", "bytes_per_s", "allocs_per_msg", "cpu_s")
		})
	}
}

func TestCall_Compared(t *testing.T) {
	measure(t, "call --count 50 --against latency --floor").known(t, "ratio_against_p50", "ratio_against_p99", "ratio_p50")
	r := measure(t, "call --count 50 --response-size 5000 --against write")
	r.known(t, "ratio_against_p50", "against_write_ns")
	if sum, write := r["against_p50_ns"].(float64), r["against_write_ns"].(float64); sum <= write {
		t.Errorf("a call and a write take %v ns, the write alone %v", sum, write)
	}
	r = measure(t, "call --count 25 --clients 3 --stuck --wait default --against unstuck")
	r.want(t, result{"clients": 3.0, "stuck": true, "count": 50.0, "rounds": 5.0})
	r.known(t, "ratio_against_p99")
}

func TestStream_LosslessLosesNothing(t *testing.T) {
	for _, args := range []string{"", "--wait spin --size 1", "--wait block", "--size 100001 --loan", "--copy-out --touch one",
		"--batch 1", "--batch 7", "--batch 256 --size 100000", "--batch 32 --wait block --depth 32"} {
		t.Run(args, func(t *testing.T) {
			r := measure(t, "stream --count 500 "+args)
			r.want(t, result{"count": 500.0, "lost": 0.0, "policy": "lossless", "p50_ns": nil})
			r.known(t, "msgs_per_s", "bytes_per_s", "allocs_per_msg", "cpu_s")
		})
	}
}

func TestStream_KeepLastCountsLost(t *testing.T) {
	r := measure(t, "stream --policy keep-last --depth 2 --count 5000")
	if n := r["count"].(float64) + r["lost"].(float64); n != 5000 {
		t.Errorf("%v messages received or lost of 5000", n)
	}
}

func TestDuration_EndsAMeasurement(t *testing.T) {
	for _, args := range []string{"latency", "latency --wait block", "stream", "stream --policy keep-last", "stream --batch 100"} {
		r := measure(t, args+" --duration 20ms")
		if r["count"].(float64) < 1 {
			t.Errorf("%s: %v messages", args, r["count"])
		}
	}
}

func TestFloor_Kinds(t *testing.T) {
	r := measure(t, "floor spin --count 50")
	r.want(t, result{"count": 50.0, "lost": 0.0, "floor": "spin", "wait": "poll"})
	r.known(t, "p50_ns", "max_ns", "msgs_per_s", "cpu_s")

	r = measure(t, "floor futex --count 50 --rate 2000")
	r.want(t, result{"floor": "futex", "wait": "block"})
	if n := r["count"].(float64) + r["lost"].(float64); n != 50 {
		t.Errorf("%v changes seen or missed of 50", n)
	}
	r = measure(t, "floor memcpy --count 50 --size 1000")
	r.want(t, result{"count": 50.0, "floor": "memcpy", "size": 1000.0, "p50_ns": nil})
	r.known(t, "msgs_per_s", "bytes_per_s")
}

func TestFloor_BesideAWorkload(t *testing.T) {
	for args, kind := range map[string]string{"latency": "spin", "latency --wait block": "futex", "latency --wait default": "futex", "stream": "memcpy"} {
		r := measure(t, args+" --count 100 --floor")
		r.want(t, result{"count": 100.0, "rounds": 5.0, "floor": kind})
		ratio := "ratio_p50"
		if kind == "memcpy" {
			ratio = "ratio_msgs"
		}
		r.known(t, ratio)
		r = measure(t, args+" --count 20")
		r.want(t, result{"rounds": 1.0, "floor": nil, ratio: nil})
	}
}

func TestFanout(t *testing.T) {
	for _, args := range []string{"--wait poll --subscribers 1", "--wait spin --subscribers 2", "--wait block --subscribers 3 --rate 2000"} {
		t.Run(args, func(t *testing.T) {
			r := measure(t, "fanout --count 20 "+args)
			r.want(t, result{"count": 20.0, "lost": 0.0})
			r.known(t, "p50_ns", "max_ns", "publish_p50_ns", "cpu_s", "allocs_per_msg", "subscribers")
		})
	}
}

func TestFanout_WaitNoneMeasuresPublishOnly(t *testing.T) {
	r := measure(t, "fanout --count 200 --wait none --subscribers 3")
	r.want(t, result{"count": 200.0, "lost": nil, "p50_ns": nil, "subscribers": 3.0})
	r.known(t, "publish_p50_ns", "publish_max_ns", "msgs_per_s")
}

func TestLatency_AgainstSize(t *testing.T) {
	r := measure(t, "latency --loan --touch one --count 50 --size 1000000 --against-size 64 --floor")
	r.want(t, result{"count": 50.0, "size": 1e6, "against_size": 64.0, "rounds": 5.0})
	r.known(t, "against_p50_ns", "against_total_p50_ns", "ratio_against_p50", "ratio_against_total_p50", "ratio_p50")

	r = measure(t, "latency --count 20")
	r.want(t, result{"against_size": nil, "against_p50_ns": nil, "ratio_against_p50": nil})
}

func TestFanout_AgainstFewerSubscribers(t *testing.T) {
	r := measure(t, "fanout --count 50 --wait none --subscribers 3 --against 1")
	r.want(t, result{"count": 50.0, "subscribers": 3.0, "against_subscribers": 1.0, "rounds": 5.0, "ratio_against_p50": nil})
	r.known(t, "against_publish_p50_ns", "ratio_against_publish_p50", "ratio_against_publish_p99", "publish_mean_ns", "ratio_against_publish_mean")

	r = measure(t, "fanout --count 20 --subscribers 2 --against 1 --rate 2000 --floor")
	r.want(t, result{"floor": "futex", "wait": "block"})
	r.known(t, "against_p50_ns", "ratio_against_p50", "floor_p50_ns", "ratio_p50")
}

func TestDiscovery_BesideAFloor(t *testing.T) {
	r := measure(t, "discovery --count 5 --deaths 0 --floor")
	r.want(t, result{"count": 5.0, "rounds": 5.0, "floor": "futex"})
	r.known(t, "floor_p50_ns", "ratio_p50", "ratio_p99")
}

func TestDiscovery(t *testing.T) {
	r := measure(t, "discovery --count 5 --deaths 2")
	r.want(t, result{"count": 5.0, "deaths": 2.0, "size": nil, "lost": nil})
	r.known(t, "p50_ns", "max_ns", "new_publisher_p50_ns", "death_p50_ns", "death_max_ns", "cpu_s")

	measure(t, "discovery --duration 1ms --deaths 0").want(t, result{"death_p50_ns": nil})
}

func TestIdle(t *testing.T) {
	r := measure(t, "idle --topics 2 --subscriptions 3 --duration 10ms")
	r.want(t, result{"topics": 2.0, "subscriptions": 3.0, "count": nil, "p50_ns": nil})
	for _, k := range []string{"threads", "rss_bytes", "shm_bytes", "measured_s"} {
		if n, _ := r[k].(float64); n <= 0 {
			t.Errorf("%s is %v", k, r[k])
		}
	}
	r.known(t, "cpu_s", "cpu_percent", "context_switches_voluntary_per_s", "context_switches_involuntary_per_s")
}

func TestScale_ListsAll(t *testing.T) {
	r := measure(t, "scale --topics 30 --participants 6 --count 3 --listings 2")
	r.want(t, result{"count": 3.0, "topics_listed": 30.0, "participants_listed": 6.0})
	r.known(t, "p50_ns", "list_first_ns", "list_p50_ns", "made_s", "made_cpu_s")
	r.want(t, result{"visit_cpu_s": nil})
}

func TestScale_WildcardsAndVisits(t *testing.T) {
	r := measure(t, "scale --topics 3 --participants 2 --wildcards 2 --visits 1 --count 1 --listings 1")
	r.want(t, result{"wildcards": 2.0, "visits": 1.0, "topics_listed": 5.0, "participants_listed": 4.0})
	r.known(t, "visit_cpu_s", "idle_cpu_percent", "made_cpu_s")
}

func TestLastValue_NeverTorn(t *testing.T) {
	for _, args := range []string{"", "--readers 3 --size 16", "--size 1001 --depth 1", "--floor"} {
		r := measure(t, "lastvalue --count 5000 "+args)
		r.want(t, result{"count": 5000.0, "torn": 0.0, "older": 0.0, "lost": nil, "p50_ns": nil})
		r.known(t, "readers", "reads", "reads_per_s", "updates_per_s", "fresh_per_s", "msgs_per_s", "bytes_per_s", "allocs_per_msg", "cpu_s")
	}
	if r := measure(t, "lastvalue --duration 20ms"); r["reads"].(float64) < 1 {
		t.Errorf("%v reads", r["reads"])
	}
}

func TestHop_WithAndWithoutReceivers(t *testing.T) {
	for _, args := range []string{"--receivers 0", "--receivers 1 --wait block", "--receivers 4 --rate 1000 --procs 3", "--receivers 2 --pause 1ms"} {
		r := measure(t, "hop --count 500 "+args)
		r.want(t, result{"count": 500.0, "rounds": 5.0, "lost": nil})
		r.known(t, "p50_ns", "p99_ns", "alone_p50_ns", "alone_p99_ns", "ratio_p50", "ratio_p99", "procs", "received_per_s", "cpu_s")
	}
	measure(t, "hop --duration 50ms").known(t, "p99_ns")
}

func TestCodec_BesideItsLibrary(t *testing.T) {
	figures := []string{"size", "bus_ns", "alone_ns", "serde_ns", "ratio", "ratio_serde", "bus_allocs_per_msg", "alone_allocs_per_msg", "serde_allocs_per_msg"}
	r := measure(t, "codec --count 30")
	r.want(t, result{"size": nil, "rounds": 15.0, "count": 4 * 30.0})
	for _, c := range []string{"imu_cbor_", "imu_msgpack_", "objects_cbor_", "objects_msgpack_"} {
		for _, f := range figures {
			r.known(t, c+f)
		}
	}
	r = measure(t, "codec --duration 20ms --value imu --encoding cbor")
	r.want(t, result{"imu_msgpack_ratio": nil, "objects_cbor_bus_ns": nil})
	r.known(t, "imu_cbor_ratio")
}

func TestMemory_OfTopics(t *testing.T) {
	r := measure(t, "memory --topics 3")
	r.want(t, result{"topics": 3.0, "subscribers": 1.0, "depth": 2.0, "size": 64.0, "p50_ns": nil})
	for _, k := range []string{"topic_bytes", "first_topic_bytes", "empty_bytes", "shm_bytes", "rss_bytes", "subscriber_rss_bytes", "threads"} {
		if n, _ := r[k].(float64); n <= 0 {
			t.Errorf("%s is %v", k, r[k])
		}
	}
	r = measure(t, "memory --topics 1 --subscribers 0")
	r.want(t, result{"topic_bytes": r["first_topic_bytes"], "subscriber_rss_bytes": nil})
}

func TestStrace_CountsSystemCalls(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v; install strace", err)
	}
	r := measure(t, "latency --wait block --count 20 --strace")
	r.want(t, result{"count": 20.0})
	r.known(t, "syscalls_per_msg", "syscalls_sender_per_msg", "syscalls_receiver_per_msg", "futex_calls_per_msg")
	// Pacing alone is a call per message.
	if n, _ := r["syscalls_sender_per_msg"].(float64); n < 1 {
		t.Errorf("%v calls per message of a sender that sleeps before each", n)
	}
	r = measure(t, "fanout --wait block --count 20 --subscribers 2 --strace")
	r.known(t, "syscalls_per_msg", "futex_calls_per_msg")
}
