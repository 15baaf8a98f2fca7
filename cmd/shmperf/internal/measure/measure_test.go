package measure

import "testing"

func TestStopwatch_NeverNegative(t *testing.T) {
	s := NewStopwatch()
	for range 1000 {
		if d := s.Since(s.Now()); d < 0 {
			t.Fatalf("%d ns", d)
		}
	}
	if s.own < 0 {
		t.Errorf("reading takes %d ns", s.own)
	}
}

func TestParseStrace_Table(t *testing.T) {
	got, err := parseStrace("    calls syscall\n--------- ----------------\n       10 read\n        3 futex\n        2 futex_waitv\n--------- ----------------\n       15 total\n")
	if err != nil || got["total"] != 15 || got.futex() != 5 || got["read"] != 10 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestParseStrace_NoTable(t *testing.T) {
	for _, text := range []string{"", "strace: Operation not permitted\n"} {
		if got, err := parseStrace(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
