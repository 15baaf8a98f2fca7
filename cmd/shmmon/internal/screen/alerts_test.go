package screen

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
)

// With rules the header tells of what these are about and of nothing else, and the log why.
func TestAlerts_RulesInTheHeader(t *testing.T) {
	lag := int64(10)
	for want, r := range map[string]rules.Rules{
		"▲ 1 stale ":         {Topics: []rules.Topic{{Name: "robot/map", Stale: true}}},
		"● all is well":      {Topics: []rules.Topic{{Name: "robot/imu", Stale: true}}},
		"▲ 2 below rate ":    {Topics: []rules.Topic{{Name: "robot/odometry", MinRate: 51}, {Name: "robot/imu", MinRate: 2000}}},
		"▲ 1 above rate ":    {Topics: []rules.Topic{{Name: "robot/**", MaxRate: 900}}},
		"▲ 1 lagging ":       {Topics: []rules.Topic{{Name: "**", MaxLag: &lag}}},
		"▲ 1 late ":          {Topics: []rules.Topic{{Name: "robot/lidar/*", MaxLatency: rules.Duration(500 * time.Microsecond)}}},
		"▲ 1 not published ": {Topics: []rules.Topic{{Name: "camera", Required: true}}},
		"▲ tmpfs 94% free":   {Domain: rules.Domain{MinFree: 95}},
	} {
		if err := r.Check(); err != nil {
			t.Fatal(err)
		}
		d := driveWith(t, &script{make: robot}, &Options{Rules: &r}, 120, 24, 60).shows(want)
		if want != "▲ 1 stale " {
			d.lacks("stale")
		}
		if d.lacks("mismatched"); len(r.Topics) > 0 && want[0] != "●"[0] {
			d.press("6").shows("alert")
		}
	}
}

// An alert that stays or comes back within seconds is one entry of the log.
func TestAlerts_AreNotedOnce(t *testing.T) {
	r := rules.Rules{Topics: []rules.Topic{{Name: "robot/odometry", MinRate: 51}}}
	d := driveWith(t, &script{make: robot}, &Options{Rules: &r}, 120, 24, 60)
	n := 0
	for _, e := range d.log.Entries {
		if e.Kind == "alert" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d entries", n)
	}
	if sign := d.signOfTopic(topic{Name: "robot/odometry"}); sign.Mark != "^" {
		t.Errorf("%+v", sign)
	}
}
