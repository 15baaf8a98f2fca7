package proc

import (
	"errors"
	"testing"
)

func TestThisMachine(t *testing.T) {
	r := Machine()
	for name, read := range readers(r) {
		// A figure may be missing or forbidden here, but none may be misread.
		if err := read(); errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := r.Stat(); err != nil || s.Total.Total() == 0 || len(s.CPUs) == 0 {
		t.Errorf("CPUs of this machine: %+v, %v", s, err)
	}
	if all, err := r.Processes(); err != nil || len(all) == 0 {
		t.Errorf("%d processes, %v", len(all), err)
	}
}
