package screen

import (
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/internal/text"
)

// On a narrow screen the columns that there is no room for are reached sideways, beside the name of the row.
func TestTables_SidewaysReachesEveryColumn(t *testing.T) {
	d := drive(t, &script{make: robot}, 40, 12, 60)
	for view, heads := range map[string][]string{
		"1": {"PUB", "LOST", "P99", "AGE"}, "2": {"LAG", "LOST", "HELD", "P99"}, "3": {"CPU", "MEMORY", "LOST", "EXECUTABLE"},
		"4": {"MSG/S"}, "5": {"GROWTH", "PLACES"}, "6": {"PID", "TEXT"},
	} {
		d.press(view)
		first := strings.Fields(strings.Split(d.screen(), "\n")[above])[0]
		if view == "6" {
			first = first[len(first)-4:]
		}
		seen := d.screen()
		for range 30 {
			d.press("l")
			if seen += d.screen(); !strings.Contains(strings.Split(d.screen(), "\n")[above], first) {
				t.Errorf("view %s: %s is not in %s", view, first, d.screen())
			}
		}
		for _, head := range heads {
			if !strings.Contains(seen, head) {
				t.Errorf("view %s: %s is never on the screen; at the end it is\n%s", view, head, d.screen())
			}
		}
		for range 30 {
			d.press("h")
		}
		if now := d.screen(); !strings.HasPrefix(seen, now) {
			t.Errorf("view %s is not as it was:\n%s", view, now)
		}
	}
}

// The line below a table tells all of it sideways, also where the table itself fits.
func TestTables_SidewaysReachesTheNote(t *testing.T) {
	d := drive(t, &script{make: robot}, 80, 24, 60).press("2", "/").typed("refused").press("enter")
	reason := d.connections[slices.IndexFunc(d.connections, func(c connection) bool { return c.Reason != "" })].Reason
	if end := reason[len(reason)-8:]; text.Width(reason) < 80 || strings.Contains(d.screen(), end) {
		t.Fatalf("%q is in sight at once", reason)
	}
	for range 30 {
		d.press("l")
	}
	d.shows(reason[len(reason)-8:], "robot/odometry", "LOST")
}
