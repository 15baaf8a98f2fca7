package services

import (
	"math"
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// Figures of a server have a stamp each second while they change. They are read at any times.
func TestGoalRate(t *testing.T) {
	const ms = int64(time.Millisecond)
	type reading struct {
		asked      uint64
		stamp, now int64 // ms
		rate       float64
	}
	for name, readings := range map[string][]reading{
		"the life of the server, then each second": {{20, 10_000, 10_300, 2}, {25, 11_000, 11_300, 5}, {28, 12_000, 12_300, 3}},
		"idle, then one":                {{20, 10_000, 10_300, 2}, {20, 10_000, 11_300, 2}, {20, 10_000, 60_300, 0}, {21, 61_000, 61_300, 1}},
		"read each ten seconds":         {{20, 10_000, 10_300, 2}, {70, 20_000, 20_300, 5}, {70, 20_000, 30_300, 0}, {80, 40_000, 40_300, 1}},
		"read more often":               {{20, 10_000, 10_300, 2}, {20, 10_000, 10_600, 2}, {26, 11_000, 11_100, 6}, {26, 11_000, 11_600, 6}},
		"changed by a client that came": {{20, 10_000, 10_300, 2}, {20, 11_000, 11_300, 0}},
		"fewer than before":             {{20, 10_000, 10_300, 2}, {3, 11_000, 11_300, 0}, {4, 12_000, 12_300, 1}},
	} {
		r := goalRate{}
		for i, at := range readings {
			if r = r.next(at.asked, at.stamp*ms, at.now*ms); math.Abs(r.rate-at.rate) > 0.01 {
				t.Errorf("%s, reading %d: %.2f, want %.2f", name, i, r.rate, at.rate)
			}
		}
	}
}

// Of a server of goals the rings of requests hold more than goals.
func TestServices_RateOfGoalsIsOfGoals(t *testing.T) {
	goals := service.Description{Name: "move", Response: goal.UpdateType(serde.Type{}, serde.Type{})}
	r := Reading{
		Servers: []service.ServerInfo{{Description: goals}, {Description: service.Description{Name: "plan"}}},
		Figures: map[topic.PublisherID]Figures{{Number: 1}: {Service: "move", GoalRate: 3}, {Number: 2}: {Service: "plan", GoalRate: 4}},
	}
	v := watch.View{Topics: []watch.Topic{{Name: "$service/move/request/1", Rate: 5}, {Name: "$service/plan/request/1", Rate: 6}}}
	all := r.Services(v, "**")
	if len(all) != 2 || all[0].Kind != Goals || all[0].Rate != 3 || all[1].Rate != 6 {
		t.Errorf("%+v", all)
	}
}
