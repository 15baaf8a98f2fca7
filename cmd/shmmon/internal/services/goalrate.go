package services

import (
	"time"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// A goalRate follows how often clients start goals at a server. The rings of its requests hold cancels and taken results, too.
type goalRate struct {
	asked uint64  // goals, in the newest figures
	stamp int64   // of these
	read  int64   // when the figures were read last
	rate  float64 // goals per second
}

// figuresInterval is the time after which a server publishes figures that have changed, nanoseconds.
const figuresInterval = int64(time.Second)

// goalRates follows the servers of a domain. The first rate is the average of a server's life.
type goalRates map[topic.PublisherID]goalRate

// add takes in figures that were read now, and returns the rate.
func (all goalRates) add(s topic.Sample[service.Figures], f service.Figures, now int64) float64 {
	asked, stamp := f.Calls+f.Unanswered, int64(s.Stamp())
	before, known := all[s.Publisher()]
	if !known {
		before = goalRate{stamp: int64(s.Participant().Since), read: int64(s.Participant().Since)}
	}
	r := before.next(asked, stamp, now)
	all[s.Publisher()] = r
	return r.rate
}

// next returns what follows when figures with a stamp are read.
func (r goalRate) next(asked uint64, stamp, now int64) goalRate {
	switch {
	case asked < r.asked: // of a server that lies
		return goalRate{asked: asked, stamp: stamp, read: now}
	case stamp > r.stamp:
		// Had the figures changed before the last reading, they would have been published, in a whole number of intervals before stamp.
		unchanged := stamp - max(1, (stamp-r.read+figuresInterval-1)/figuresInterval)*figuresInterval
		r.rate = float64(asked-r.asked) / time.Duration(stamp-min(max(r.stamp, unchanged), stamp-figuresInterval/2)).Seconds()
	case now-stamp > 2*figuresInterval:
		r.rate = 0
	}
	return goalRate{asked: asked, stamp: stamp, read: now, rate: r.rate}
}
