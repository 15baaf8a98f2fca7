package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/registry"
)

func up(v float64) *family {
	f := gauge("shmbus_up", "Whether the domain could be read.")
	f.add(v)
	return f
}

// patterns names what a subscription asks for.
func patterns(e registry.Endpoint) string { return strings.Join(e.Patterns, ",") }

// families returns all metrics.
func (e *Exporter) families(s Scan) []*family {
	all := []*family{up(1)}
	all = append(all, ofDomain(s.View, s.Alerts)...)
	all = append(all, e.ofTopics(s.View, s.Now)...)
	all = append(all, e.ofReaders()...)
	all = append(all, e.ofServices()...)
	dropped := gauge("shmbus_dropped_series", "Series that are left out, because there are too many or two have the same labels.")
	n := 0
	for _, f := range all {
		n += f.dropped
	}
	dropped.add(float64(n))
	return append(all, dropped)
}

func ofDomain(v watch.View, alerts []rules.Alert) []*family {
	processes := gauge("shmbus_participants", "Participants of the domain by the state of their process.")
	states := map[string]int{"running": 0, "stopped": 0, "ended": 0, "unseen": 0, "dead": 0}
	for _, p := range v.Participants {
		if p.Alive {
			states[p.State.String()]++
		} else {
			states["dead"]++
		}
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		processes.add(float64(states[state]), "state", state)
	}
	size := gauge("shmbus_file_system_size_bytes", "Size of the file system of the domain.")
	free := gauge("shmbus_file_system_available_bytes", "Bytes that are available on the file system of the domain.")
	if v.Space.Size > 0 {
		size.add(float64(v.Space.Size))
		free.add(float64(v.Space.Available))
	}
	problems := gauge("shmbus_scan_problems", "Parts of the domain that could not be read or believed.")
	problems.add(float64(len(v.Problems)))
	counts := make(map[string]int)
	for _, a := range alerts {
		counts[string(a.Kind)]++
	}
	alert := gauge("shmbus_alerts", "Alerts by the rule that is not kept.")
	for _, kind := range rules.Kinds() {
		alert.add(float64(counts[string(kind)]), "rule", string(kind))
	}
	return []*family{processes, size, free, problems, alert}
}

func (e *Exporter) ofTopics(v watch.View, now time.Time) []*family {
	messages := counter("shmbus_topic_messages_total", "Messages published.")
	bytes := counter("shmbus_topic_bytes_total", "Payload bytes published.")
	failed := counter("shmbus_topic_failed_publishes_total", "Publishes that returned an error.")
	last := gauge("shmbus_topic_last_message_timestamp_seconds", "Unix time of the newest message.")
	publishers := gauge("shmbus_topic_publishers", "Publishers.")
	subscriptions := gauge("shmbus_topic_subscriptions", "Subscriptions that ask for the topic.")
	mismatched := gauge("shmbus_topic_mismatched_subscriptions", "Subscriptions that expect another type.")
	memory := gauge("shmbus_topic_memory_bytes", "Memory of the publishers' slots.")
	for _, name := range slices.Sorted(maps.Keys(e.topics)) {
		t := e.topics[name]
		messages.add(t.messages, "topic", name)
		bytes.add(t.bytes, "topic", name)
		failed.add(t.failed, "topic", name)
		if t.topic.Last > 0 {
			stamp := now.Add(-time.Duration(max(0, v.At-t.topic.Last)))
			last.add(float64(stamp.UnixMilli())/1000, "topic", name)
		}
		publishers.add(float64(len(t.topic.Publishers)), "topic", name)
		subscriptions.add(float64(len(t.topic.Subscribers)), "topic", name)
		mismatched.add(float64(t.topic.Mismatched), "topic", name)
		sum := 0.0
		for _, p := range t.topic.Publishers {
			sum += float64(p.Stats.Memory)
		}
		memory.add(sum, "topic", name)
	}
	return []*family{messages, bytes, failed, last, publishers, subscriptions, mismatched, memory}
}

func (e *Exporter) ofReaders() []*family {
	messages := counter("shmbus_subscription_messages_total", "Messages received.")
	lost := counter("shmbus_subscription_lost_messages_total", "Messages lost.")
	undecodable := counter("shmbus_subscription_undecodable_messages_total", "Messages that could not be decoded.")
	count := gauge("shmbus_subscriptions", "Subscriptions of a unit to the same topics, which the other metrics count together.")
	lag := gauge("shmbus_subscription_lag_messages", "Messages that the slowest of these has not taken.")
	held := gauge("shmbus_subscription_held_samples", "Samples that are not released.")
	latency := summary("shmbus_subscription_latency_seconds", "Delay from publish to take in the last seconds, of the slowest of these.")
	keys := slices.SortedFunc(maps.Keys(e.readers), func(a, b readerLabels) int {
		return strings.Compare(a.topic+"\x00"+a.unit, b.topic+"\x00"+b.unit)
	})
	for _, key := range keys {
		r, labels := e.readers[key], []string{"topic", key.topic, "unit", key.unit}
		messages.add(r.messages, labels...)
		lost.add(r.lost, labels...)
		undecodable.add(r.undecodable, labels...)
		count.add(float64(r.count), labels...)
		lag.add(float64(r.lag), labels...)
		held.add(float64(r.held), labels...)
		if r.p99 >= 0 {
			latency.add(time.Duration(r.p50).Seconds(), append(labels, "quantile", "0.5")...)
			latency.add(time.Duration(r.p99).Seconds(), append(labels, "quantile", "0.99")...)
		}
	}
	return []*family{messages, lost, undecodable, count, lag, held, latency}
}
