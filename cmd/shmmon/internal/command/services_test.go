package command

import (
	"testing"

	"github.com/shmbus/shmbus/service"
)

func TestServices_TimesOfHandlers(t *testing.T) {
	fast, slow := service.Figures{Calls: 99}, service.Figures{Calls: 3, Failed: 2, Refused: 1}
	fast.Took[0], slow.Took[10], slow.Took[31] = 97, 2, 1
	var r serviceReport
	r.addFigures(nil)
	if r.P50 != nil || r.P99 != nil {
		t.Errorf("of no handler: %v, %v", r.P50, r.P99)
	}
	r.addFigures([]service.Figures{fast, slow})
	if *r.P50 != 1000 || *r.P99 != 1024*1000 || r.Calls != 102 || r.Failed != 2 || r.Refused != 1 {
		t.Errorf("%+v, p50 %d, p99 %d", r, *r.P50, *r.P99)
	}
	r.addFigures([]service.Figures{slow})
	if *r.P99 != 1000<<31 {
		t.Errorf("p99 %d", *r.P99)
	}
}
