package stopwatch

import "testing"

func TestWhatIsTimedIsNeverLessThanNothing(t *testing.T) {
	s := New()
	for range 1000 {
		if d := s.Since(s.Now()); d < 0 {
			t.Fatalf("%d ns", d)
		}
	}
	if s.own < 0 {
		t.Errorf("reading takes %d ns", s.own)
	}
}
