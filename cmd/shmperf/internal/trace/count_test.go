package trace

import "testing"

func TestATableOfStraceIsUnderstood(t *testing.T) {
	got, err := read("    calls syscall\n--------- ----------------\n       10 read\n        3 futex\n        2 futex_waitv\n--------- ----------------\n       15 total\n")
	if err != nil || got["total"] != 15 || got.futex() != 5 || got["read"] != 10 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestNoTableIsAnError(t *testing.T) {
	for _, text := range []string{"", "strace: Operation not permitted\n"} {
		if got, err := read(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
