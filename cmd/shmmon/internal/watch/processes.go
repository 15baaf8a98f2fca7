package watch

import (
	"os/user"
	"slices"
	"strconv"

	"github.com/shmbus/shmbus/registry"
)

// A Process is a participant with what its process uses.
type Process struct {
	registry.Participant
	User            string
	State           string  // live, stopped, ended, unseen or dead
	CPU             float64 // of one core, 1 = all of it; -1: not known
	Resident        int64   // bytes; -1: not known
	Shared          int64   // bytes of its files in the domain; -1: not known
	Version         string
	Publishers      int // of topics of the view, as all that follows
	Subscriptions   int
	Topics          int
	Rate, Bandwidth float64
	Lost            uint64
	Received        uint64
}

// Processes follows the participants of a domain. The zero value is ready. It is for one goroutine at a time.
type Processes struct {
	before map[registry.ID]usageAt
	cpu    map[registry.ID]float64
	users  map[int]string
}

type usageAt struct {
	at  int64
	cpu float64
}

// Add takes in an inspection with WantProcesses.
func (p *Processes) Add(x Inspection) {
	if x.Processes == nil {
		p.before, p.cpu = nil, nil
		return
	}
	now, cpu := make(map[registry.ID]usageAt, len(x.Processes)), make(map[registry.ID]float64, len(x.Processes))
	for id, u := range x.Processes {
		now[id] = usageAt{x.At, u.CPU}
		if was, ok := p.before[id]; ok && x.At > was.at && u.CPU >= was.cpu {
			cpu[id] = (u.CPU - was.cpu) / (float64(x.At-was.at) / 1e9)
		}
	}
	p.before, p.cpu = now, cpu
}

// Of returns the processes of a view in the order of joining, and then those that died in the last minute.
func (p *Processes) Of(v View, x Inspection) []Process {
	rates, topics := make(map[registry.EndpointID]Publisher), make(map[registry.ID]int)
	for _, t := range v.Topics {
		owners := make(map[registry.ID]bool)
		for _, pub := range t.Publishers {
			rates[pub.Endpoint.ID] = pub
			owners[pub.Owner.ID] = true
		}
		for _, sub := range t.Subscribers {
			owners[sub.Owner.ID] = true
		}
		for id := range owners {
			topics[id]++
		}
	}
	all := make([]Process, 0, len(v.Participants))
	for _, m := range slices.Concat(v.Participants, v.Died) {
		q := Process{Participant: m, User: p.user(m.UID), State: processState(m), CPU: -1, Resident: -1, Shared: -1}
		if u, ok := x.Processes[m.ID]; ok {
			q.Resident, q.Version = u.Resident, u.Version
		}
		if c, ok := p.cpu[m.ID]; ok {
			q.CPU = c
		}
		if n, ok := x.Files[m.ID]; ok {
			q.Shared = n
		}
		for _, e := range m.Endpoints {
			if e.Kind == registry.KindPublisher && x.Segments != nil {
				q.Shared += x.Segments[e.ID].File // of all: it is there whatever is shown
			}
			if !v.Shows(e) {
				continue
			}
			if e.Kind == registry.KindPublisher {
				q.Publishers++
				q.Rate += rates[e.ID].Rate
				q.Bandwidth += rates[e.ID].Bandwidth
				continue
			}
			q.Subscriptions++
			q.Lost += v.Stats.Subscriptions[e.ID].Lost
			q.Received += v.Stats.Subscriptions[e.ID].Messages
		}
		q.Topics = topics[m.ID]
		all = append(all, q)
	}
	return all
}

func processState(p registry.Participant) string {
	switch {
	case !p.Alive:
		return "dead"
	case p.State == registry.StateStopped:
		return "stopped"
	case p.State == registry.StateEnded:
		return "ended"
	case p.State == registry.StateUnseen:
		return "unseen"
	}
	return "live"
}

// user returns the name of a user, or the number where there is no name.
func (p *Processes) user(uid int) string {
	if name, known := p.users[uid]; known {
		return name
	}
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if p.users == nil {
		p.users = make(map[int]string)
	}
	p.users[uid] = name
	return name
}
