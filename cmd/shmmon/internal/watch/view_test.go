package watch

import "testing"

func TestView_ForApplications(t *testing.T) {
	v := NewTracker(nil).Add(snapshot(2*second, member(1, "a", publisher("$service/x/server", 1, second), publisher("x", 1, second), publisher("x/$y", 1, second))))
	shown := v.ForApplications()
	if len(v.Topics) != 3 || len(shown.Topics) != 2 || shown.Topics[0].Name != "x" || shown.Topics[1].Name != "x/$y" {
		t.Errorf("%v of %v", shown.Topics, v.Topics)
	}
}
