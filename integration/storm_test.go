//go:build linux

package integration

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// stormVariable holds how often each of the visitors joins and leaves; a subscriber reconnects twice as often. Default is fewVisits.
const stormVariable = "SHMBUS_TEST_STORM"

const (
	flowCount = 5
	visitors  = 100
	fewVisits = 10
)

// visits returns how often each visitor comes.
func visits(t *testing.T) int {
	t.Helper()
	text := os.Getenv(stormVariable)
	if text == "" {
		return max(fewVisits/slowdown, 1)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, must be how often each of %d processes joins and leaves", stormVariable, text, visitors)
	}
	return n
}

// sky is the processes that stay: each publishes a topic and receives the next one's, losslessly, and what visitors publish.
type sky struct {
	t    testing.TB
	stay []*child
}

func newSky(t testing.TB, dir string, pause time.Duration) *sky {
	t.Helper()
	s := &sky{t: t}
	for i := range flowCount {
		c := obey(t, dir)
		c.do("pub f %s", flowing(i))
		s.stay = append(s.stay, c)
	}
	for i, c := range s.stay {
		c.do("sub w %s lossless", flowing((i+1)%flowCount))
		c.do("sub g %s lossless", gusts(i))
		c.do("watch w")
		c.do("watch g")
	}
	for _, c := range s.stay {
		c.do("peers f 1")
	}
	for _, c := range s.stay {
		c.do("flow f %v", pause)
	}
	return s
}

// clear ends the flows and checks that all that was published was received; blown is what visitors published.
func (s *sky) clear(blown []uint64) {
	s.t.Helper()
	var sent [flowCount]uint64
	for i, c := range s.stay {
		sent[i] = c.do("ebb f").Received
	}
	for i, c := range s.stay {
		s.saw(c, "w", sent[(i+1)%flowCount])
		s.saw(c, "g", blown[i])
	}
	s.t.Logf("lossless: %d samples flowed and %d came from visitors, on %d topics of either", sent, blown, flowCount)
	for _, c := range s.stay {
		c.finish()
	}
}

// saw checks that a watch of a process that stays receives exactly so many samples.
func (s *sky) saw(c *child, watch string, n uint64) {
	s.t.Helper()
	if got := c.do("watched %s %d", watch, n); got.Received != n || got.Lost != 0 {
		s.t.Errorf("%d received and %d lost of %d", got.Received, got.Lost, n)
	}
}

// add adds what one visitor published to what all did.
func add(blown, each []uint64) {
	for i, n := range each {
		blown[i] += n
	}
}

func TestAHundredProcessesJoinAndLeaveWhileTopicsFlow(t *testing.T) {
	each := visits(t)
	dir := newDomain(t)
	s := newSky(t, dir, 2*time.Millisecond)
	var crowd []*child
	for range visitors {
		c := start(t, dir, "obey")
		c.do("forget") // it is there
		crowd = append(crowd, c)
	}
	begin := time.Now()
	for i, c := range crowd {
		c.order("visit %d %d", each, i)
	}
	blown := make([]uint64, flowCount)
	for _, c := range crowd {
		var a answer
		if c.expect(&a); a.Err != "" {
			t.Fatal(a.Err)
		}
		add(blown, a.Each)
	}
	took := time.Since(begin)
	t.Logf("%d processes joined, met and left %d times each in %v: %.0f a second", visitors, each, took, float64(visitors*each)/took.Seconds())
	for _, c := range s.stay {
		c.do("others %d", flowCount)
	}
	s.clear(blown)
	for _, c := range crowd {
		c.finish()
	}
}

func TestFiftySubscribersReconnect(t *testing.T) {
	const subscribers = 50
	times := 2 * visits(t)
	dir := newDomain(t)
	s := newSky(t, dir, time.Millisecond)
	var crowd []*child
	for range subscribers {
		crowd = append(crowd, obey(t, dir))
	}
	begin := time.Now()
	for _, c := range crowd {
		c.order("reconnect %s %d", flowing(0), times)
	}
	var received, lost uint64
	for _, c := range crowd {
		var a answer
		if c.expect(&a); a.Err != "" {
			t.Fatal(a.Err)
		}
		received += a.Received
		lost += a.Lost
	}
	took := time.Since(begin)
	t.Logf("%d subscribers connected %d times each in %v, %.0f a second: %d samples received, %d lost by those that may lose", subscribers, times, took, float64(subscribers*times)/took.Seconds(), received, lost)
	s.stay[0].do("fewer f 1")
	for _, c := range crowd {
		c.finish()
	}
	s.clear(make([]uint64, flowCount))
}

// Each publisher publishes one sample, which each subscriber must have before the next publisher is made.
func TestEverySubscriberFindsTheNextPublisher(t *testing.T) {
	closings := 300
	if os.Getenv(stormVariable) != "" {
		closings = 1000
	}
	t.Run("close", func(t *testing.T) { restart(t, closings/slowdown, (*child).finish) })
	t.Run("kill", func(t *testing.T) { restart(t, 1000/slowdown, (*child).kill) })
}

func restart(t *testing.T, times int, end func(*child)) {
	dir := newDomain(t)
	subs := []*child{obey(t, dir), obey(t, dir), obey(t, dir), obey(t, dir)}
	for i, what := range []string{"again", "again lossless", "*", "** lossless"} {
		subs[i].do("sub s %s", what)
	}
	var found, met []time.Duration // since its process was started, since it began to join
	for range times {
		for _, s := range subs {
			s.order("take s 1")
		}
		began := monotonic()
		pub := start(t, dir, "obey")
		joined := pub.do("join").At
		pub.do("pub p again")
		pub.do("peers p %d", len(subs))
		pub.do("send p 1 8")
		for _, s := range subs {
			var got answer
			if s.expect(&got); got.Err != "" || got.Received != 1 || got.Lost != 0 {
				t.Fatalf("of publisher %d: %+v", len(met)/len(subs), got)
			}
			found = append(found, time.Duration(got.At-began))
			met = append(met, time.Duration(got.At-joined))
		}
		end(pub)
	}
	t.Logf("%d of %d publishers were found by each of %d subscribers: first sample after the start of the process p50 %v p99 %v, after joining p50 %v p99 %v",
		len(met)/len(subs), times, len(subs), quantile(found, 50), quantile(found, 99), quantile(met, 50), quantile(met, 99))
	for _, s := range subs {
		s.do("others %d", len(subs))
	}
	for _, s := range subs {
		s.finish()
	}
}

func quantile(of []time.Duration, percent int) time.Duration {
	slices.Sort(of)
	return of[min(len(of)*percent/100, len(of)-1)].Round(10 * time.Microsecond)
}
