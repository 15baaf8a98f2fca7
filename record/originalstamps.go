package record

import (
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/topic"
)

// originalStamps turns recorded publish times into stamps, so that topic.Sample.Time returns the recorded time. The difference to the wall
// clock is that of the beginning of the replay; stamps of before the boot are negative.
type originalStamps struct{ offset int64 }

func newOriginalStamps() originalStamps {
	r := clock.New().Read()
	return originalStamps{r.Wall - r.Stamp}
}

func (o originalStamps) stamp(publishTime uint64) topic.Stamp {
	return topic.Stamp(int64(publishTime) - o.offset)
}
