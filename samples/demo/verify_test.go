package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/samples/hostmetrics/metrics"
)

// good is what a run looks like in which all went well.
func good() *results {
	summary := func() record.Summary {
		return record.Summary{Messages: 30, Topics: []record.TopicSummary{{Topic: "a", Messages: 20}, {Topic: "b", Messages: 10}}}
	}
	return &results{
		published: metrics.Report{Messages: 30, Topics: []metrics.TopicReport{
			{Topic: "a", Encoding: "raw", Messages: 20}, {Topic: "b", Messages: 10}, {Topic: "never"},
		}},
		received:   received{Messages: 29, Lost: 1},
		recorded:   summary(),
		replayed:   summary(),
		seen:       received{Messages: 30},
		rerecorded: summary(),
		difference: record.Difference{Equal: true, Messages: 30, Topics: []record.TopicDifference{
			{Topic: "a", A: 20, B: 20, Equal: true}, {Topic: "b", A: 10, B: 10, Equal: true},
		}},
	}
}

func TestAGoodRunHasNoDifferences(t *testing.T) {
	r := good()
	if got := r.differences(); len(got) != 0 {
		t.Fatalf("%q", got)
	}
	if r.topics() != 2 {
		t.Fatalf("%d topics had messages", r.topics())
	}
}

func TestEveryDifferenceIsNamed(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*results)
		expect string
	}{
		{"a message not recorded", func(r *results) { r.recorded.Topics[0].Messages-- }, "a: 20 messages published, 19 in the recording"},
		{"a topic not recorded", func(r *results) { r.recorded.Topics = r.recorded.Topics[1:] }, "a: 20 messages published, 0 in the recording"},
		{"a message recorded twice", func(r *results) { r.recorded.Topics[1].Messages++ }, "b: 10 messages published, 11 in the recording"},
		{"a topic that was not published", func(r *results) {
			r.recorded.Topics = append(r.recorded.Topics, record.TopicSummary{Topic: "c", Messages: 1})
		}, "c: 0 messages published, 1 in the recording"},
		{"a message not replayed", func(r *results) { r.replayed.Topics[1].Messages-- }, "b: 10 messages published, 9 replayed"},
		{"a message not recorded again", func(r *results) { r.rerecorded.Topics[1].Messages-- }, "b: 10 messages published, 9 in the second recording"},
		{"a loss in the first recording", func(r *results) { r.recorded.Topics[0].Lost = 3 }, "a: the recorders lost 3 messages"},
		{"a loss in the second recording", func(r *results) { r.rerecorded.Topics[0].Lost = 2 }, "a: the recorders lost 2 messages"},
		{"a sum of the recorder", func(r *results) { r.recorded.Messages++ }, "30 messages published, the recorder counted 31"},
		{"a sum of the player", func(r *results) { r.replayed.Messages-- }, "30 messages published, the player counted 29"},
		{"a sum of the second recorder", func(r *results) { r.rerecorded.Messages-- }, "30 messages published, the second recorder counted 29"},
		{"a loss that was not counted", func(r *results) { r.received.Lost = 0 }, "30 messages published, the live subscriber received or lost 29"},
		{"a loss in the replay that was not counted", func(r *results) { r.seen.Messages-- }, "30 messages published, the subscriber of the replay received or lost 29"},
		{"a short comparison", func(r *results) { r.difference.Messages = 10 }, "30 messages published, the comparison covered 10"},
		{"other bytes on a topic", func(r *results) { r.difference.Topics[1].Equal = false }, "b: the two recordings differ (10 and 10 messages)"},
		{"other bytes", func(r *results) { r.difference.Equal, r.difference.First = false, "message 7 of b" }, "the recordings are not equal: message 7 of b"},
		{"nothing at all", func(r *results) { *r = results{difference: record.Difference{Equal: true}} }, "no message was published"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good()
			c.damage(r)
			if got := r.differences(); !slices.Contains(got, c.expect) {
				t.Fatalf("got %q, want %q among them", got, c.expect)
			}
		})
	}
}

func TestTheTableNamesEveryTopicAndWhatDiffers(t *testing.T) {
	r := good()
	r.difference.Topics[1].Equal = false
	var b strings.Builder
	if err := r.table(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for _, want := range []string{"yes a", "NO b", "yes never"} {
		equal, topic, _ := strings.Cut(want, " ")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, equal) && strings.HasSuffix(l, "  "+topic) }) {
			t.Errorf("no line for %s in\n%s", want, b.String())
		}
	}
}
