package fence

import (
	"testing"
	"time"
)

func TestX(t *testing.T) {
	for range 3 {
		b := time.Now()
		err := Register()
		t.Log(time.Since(b), err)
	}
	b := time.Now()
	for range 100 {
		Heavy()
	}
	t.Log(time.Since(b) / 100)
}
