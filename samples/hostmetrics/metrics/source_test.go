package metrics

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/samples/hostmetrics/proc"
	"github.com/shmbus/shmbus/serde"
)

func names(r Report) (all []string) {
	for _, t := range r.Topics {
		all = append(all, t.Topic+" "+t.Encoding)
	}
	return all
}

func TestAMachineShowsATopicPerThingItHas(t *testing.T) {
	root := proc.At(os.DirFS("../proc/testdata/vehicle"))
	got, err := Plan(&Options{Root: &root})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"host/clock raw", "host/cpu/0 msgpack", "host/cpu/3 msgpack", "host/cpu/total msgpack", "host/disk/cciss_c0d0 msgpack",
		"host/disk/nvme0n1 msgpack", "host/kernel cbor", "host/load string", "host/memory cbor", "host/net/can0 cbor",
		"host/net/eth0:1 cbor", "host/net/lo cbor", "host/pressure/cpu msgpack", "host/pressure/io msgpack", "host/processes json",
		"host/uptime json",
	}
	if d := cmp.Diff(want, names(got)); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func TestAMachineThatShowsNothingStillHasAClock(t *testing.T) {
	root := proc.At(fstest.MapFS{})
	got, err := Plan(&Options{Root: &root})
	if err != nil || !slices.Equal(names(got), []string{"host/clock raw"}) {
		t.Fatalf("%v, %v", names(got), err)
	}
}

func TestRatesAreMultiplied(t *testing.T) {
	root := proc.At(fstest.MapFS{})
	got, err := Plan(&Options{Root: &root, Rate: 2.5})
	if err != nil || got.Topics[0].Nominal != 500 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range []Options{{Rate: -1}, {Rate: 101}, {Rate: math.NaN()}, {Duration: -1}} {
		if _, err := Plan(&bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestSharesCoverTheTimeSinceTheReadingBefore(t *testing.T) {
	var u usage
	sinceBoot := u.next(proc.Times{User: 50, Nice: 10, System: 20, Idle: 20})
	if want := (CPU{User: 0.6, System: 0.2, Idle: 0.2}); sinceBoot != want {
		t.Fatalf("first: %+v, want %+v", sinceBoot, want)
	}
	next := proc.Times{User: 50, Nice: 10, System: 20, Idle: 28, IRQ: 1, SoftIRQ: 1}
	if want, got := (CPU{IRQ: 0.2, Idle: 0.8}), u.next(next); got != want {
		t.Fatalf("second: %+v, want %+v", got, want)
	}
	if want, got := (CPU{IRQ: 0.2, Idle: 0.8}), u.next(next); got != want {
		t.Fatalf("no tick since: %+v, want %+v", got, want)
	}
}

func TestDeviceNamesFitIntoOneSegment(t *testing.T) {
	for name, want := range map[string]string{"sda": "sda", "cciss/c0d0": "cciss_c0d0", "a*?\x00b\u0085": "a___b_", "zwölf": "zwölf"} {
		if got := segment(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestProcessesAreRankedByWhatTheyDidSince(t *testing.T) {
	before := ticks([]proc.Process{{PID: 1, StartTime: 5, Ticks: 1000}, {PID: 2, StartTime: 6, Ticks: 10}})
	now := []proc.Process{
		{PID: 1, StartTime: 5, Ticks: 1010, Pages: 1, Threads: 1, Name: "old"},
		{PID: 2, StartTime: 9, Ticks: 50, Pages: 3, Threads: 2, Name: "new with an old number"},
	}
	got := summarise(now, before, time.Second/2, 4096)
	first := Process{PID: 2, Name: "new with an old number", CPU: 1, Memory: 3 * 4096}
	second := Process{PID: 1, Name: "old", CPU: 0.2, Memory: 4096}
	want := Processes{Count: 2, Threads: 3, TopCPU: []Process{first, second}, TopMemory: []Process{first, second}}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func TestACountThatGoesBackHasNoRate(t *testing.T) {
	if perSecond(5, 9, time.Second) != 0 || perSecond(9, 5, 0) != 0 || perSecond(9, 5, 2*time.Second) != 2 {
		t.Fatal("wrong rates")
	}
}

func TestClockTravelsAs16Bytes(t *testing.T) {
	c := Clock{Due: time.Unix(12, 34), Late: -5}
	got, err := ParseClock(c.Append(nil))
	if err != nil || !got.Due.Equal(c.Due) || got.Late != c.Late {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := ParseClock(make([]byte, 15)); err == nil {
		t.Fatal("15 bytes were accepted")
	}
}

func TestDescribe(t *testing.T) {
	d := NewDescriber()
	payload, err := serde.CBOR[Memory]().Encoder().Append(nil, Memory{Total: 8_200_000_000, Available: 950})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Describe("host/memory", payload); got != "950 B of 8.2 GB available" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := d.Describe("host/memory", []byte("\xff")); err == nil {
		t.Error("bytes that are no CBOR were described")
	}
	for _, topic := range []string{"host", "host/", "robot/pose", "host/other/thing"} {
		if _, err := d.Describe(topic, payload); err == nil || !strings.Contains(err.Error(), topic) {
			t.Errorf("%s: %v", topic, err)
		}
	}
}
