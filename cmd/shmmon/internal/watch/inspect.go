package watch

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// A Want names what an Inspection contains. What nothing shows is not read.
type Want uint8

// Parts of an Inspection. The space left is always in it.
const (
	WantProcesses Want = 1 << iota
	WantMemory
	WantConnections
)

// An Inspection is what the kernel and the publishers' files tell, beyond what participants announce.
type Inspection struct {
	At        int64 // ns of CLOCK_MONOTONIC
	Space     shm.Space
	SpaceOK   bool
	Processes map[registry.ID]Usage
	Segments  map[registry.EndpointID]Segment // of publishers
	Files     map[registry.ID]int64           // bytes of a participant's other files
	Links     []Link                          // of subscriptions to publishers
}

// A Usage is what a process has used.
type Usage struct {
	CPU      float64 // seconds
	Resident int64   // bytes
	Version  string  // of shmbus in the executable; empty if it is not known
}

// A Segment is the shared memory of one publisher.
type Segment struct {
	File       int64 // bytes that the file takes
	Slots      int   // slots ever made
	SlotBytes  int64
	Keys       int
	Places     int  // subscriptions that it admits
	Full       bool // no place is left
	Inspected  bool // all but File is known
	Unreadable bool
}

// maxRingBytes bounds the bytes of rings that one Inspection reads. A publisher with a ring of the greatest depth has 8 MiB.
const (
	maxRingBytes   = 64 << 20
	ringEntryBytes = 128
)

// An Inspector inspects a domain. Inspect must not be called concurrently with itself or Snapshot.
type Inspector interface {
	Inspect(all []registry.Participant, want Want) Inspection
}

// Inspect implements Inspector. It changes nothing.
func (d *Domain) Inspect(all []registry.Participant, want Want) Inspection {
	x := Inspection{At: d.clock.Now()}
	space, err := shm.SpaceAt(d.dir)
	x.Space, x.SpaceOK = space, err == nil
	if want&WantProcesses != 0 {
		x.Processes = d.usages(all)
	}
	if want&WantConnections != 0 {
		x.Links = d.links(all)
	}
	if want&WantMemory != 0 {
		d.inspectMemory(all, &x)
	}
	return x
}

func (d *Domain) inspectMemory(all []registry.Participant, x *Inspection) {
	x.Segments, x.Files = make(map[registry.EndpointID]Segment), make(map[registry.ID]int64)
	read := 0
	for _, p := range all {
		for _, suffix := range []string{registry.SuffixParticipant, registry.SuffixReader, registry.SuffixWake} {
			x.Files[p.ID] += d.fileBytes(p.ID.String() + "." + suffix)
		}
		for _, e := range p.Endpoints {
			number := strconv.FormatUint(uint64(e.ID.Number), 10)
			if len(e.Schema) > 0 {
				x.Files[p.ID] += d.fileBytes(p.ID.String() + "." + registry.SuffixSchema + number)
			}
			if e.Kind != registry.KindPublisher {
				continue
			}
			name := p.ID.String() + "." + registry.SuffixPublisher + number
			s := Segment{File: d.fileBytes(name)}
			if ring := int(min(e.Depth, shmtransport.MaxDepth)) * ringEntryBytes; read+ring <= maxRingBytes {
				read += ring
				state, err := shmtransport.InspectPublisher(filepath.Join(d.dir, name), shmtransport.PublisherID{Participant: uint64(p.ID), Number: e.ID.Number})
				if err != nil {
					s.Unreadable = true
				} else {
					s.Slots, s.SlotBytes = state.Slots()
					s.Keys, s.Places, s.Full, s.Inspected = state.Keys, len(state.Admitted), state.Full, true
				}
			}
			x.Segments[e.ID] = s
		}
	}
}

// fileBytes returns the memory that a file of the domain takes, 0 if it cannot be read.
func (d *Domain) fileBytes(name string) int64 {
	f, err := shm.Open(filepath.Join(d.dir, name))
	if err != nil {
		return 0
	}
	defer f.Close()
	n, err := f.Backed()
	if err != nil {
		return 0
	}
	return n
}

// usages asks the kernel about the processes that can be seen from here.
func (d *Domain) usages(all []registry.Participant) map[registry.ID]Usage {
	usages := make(map[registry.ID]Usage)
	for _, p := range all {
		if !p.Alive || p.State == registry.StateUnseen || p.PID <= 0 {
			continue
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/stat")
		if err != nil {
			continue
		}
		if u, start, ok := parseStat(string(stat)); ok && start == p.StartTime {
			u.Version = d.version(p)
			usages[p.ID] = u
		}
	}
	for id := range d.versions {
		if _, there := usages[id]; !there {
			delete(d.versions, id)
		}
	}
	return usages
}

// clockTicks is the number of ticks per second in which the kernel counts for programs, on every architecture of Linux that Go has.
const clockTicks = 100

// parseStat reads CPU time, resident memory and start time of a process from the text of /proc/PID/stat.
func parseStat(stat string) (u Usage, start uint64, ok bool) {
	i := strings.LastIndexByte(stat, ')') // the name before it may hold anything
	fields := strings.Fields(stat[i+1:])
	if i < 0 || len(fields) < 22 {
		return u, 0, false
	}
	const state = 3 // number of the first field, by proc(5)
	number := func(field int) uint64 {
		n, err := strconv.ParseUint(fields[field-state], 10, 63)
		ok = ok && err == nil
		return n
	}
	ok = true
	u.CPU = float64(number(14)+number(15)) / clockTicks
	u.Resident = int64(min(number(24), 1<<40)) * int64(os.Getpagesize())
	return u, number(22), ok
}
