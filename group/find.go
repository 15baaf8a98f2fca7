package group

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// An Info is what the members of a group say of it.
type Info struct {
	Topic, Group string
	Members      []MemberInfo                   // by unit and process
	Publishers   map[topic.PublisherID]Progress // of the topic
}

// A MemberInfo describes a member and its process.
type MemberInfo struct {
	registry.Participant      // UID, GID and PIDCheck come from the kernel
	Joined               bool // it takes part; before that it waits for the other members
	Outstanding          int  // deliveries that it has
}

// A Progress is how far a group is with the samples of one publisher.
type Progress struct {
	First        uint64 // lowest sequence that the group accounts for; 0: none yet
	Acknowledged uint64 // samples, from First on
	Outstanding  int    // samples that members have
	Redelivered  int    // samples that are not acknowledged and that a member had before
}

// maxFound bounds the accounts that one Find reads, bytes.
const maxFound = 64 << 20

// GroupOf returns the topic and the name of the group to which a topic of announcements or accounts belongs.
func GroupOf(topicName string) (of, group string, ok bool) {
	rest, ok := strings.CutPrefix(topicName, Prefix)
	rest, segment := cutLast(rest)
	of, group = cutLast(rest)
	if !ok || of == "" || segment != segmentMember && segment != segmentAccount {
		return "", "", false
	}
	return of, group, true
}

func cutLast(name string) (before, last string) {
	i := strings.LastIndexByte(name, '/')
	return name[:max(0, i)], name[i+1:]
}

// Find returns the groups of the topics that match a pattern, by topic and name. It takes no part in them, and p may be read-only. What
// members say may be older than what they do, and of members that are gone there is what others have read.
func Find(ctx context.Context, p *topic.Participant, pattern string) ([]Info, error) {
	if err := registry.CheckPattern(pattern); err != nil {
		return nil, err
	}
	f := finder{found: map[[2]string]*found{}}
	if err := f.read(ctx, p, segmentMember, pattern, f.hearAnnouncement); err != nil {
		return nil, err
	}
	if err := f.read(ctx, p, segmentAccount, pattern, f.hearAccount); err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(f.found))
	for name, g := range f.found {
		if len(g.announced) > 0 {
			infos = append(infos, g.info(name))
		}
	}
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group)) })
	return infos, nil
}

// A finder collects messages of members.
type finder struct {
	found map[[2]string]*found // by topic and name
	bytes int                  // of the accounts
}

// A found is the newest messages of the members of one group.
type found struct {
	announced map[topic.PublisherID]announcement
	processes map[topic.PublisherID]registry.Participant
	accounts  map[accountID]account
}

// An accountID tells apart the accounts of a group.
type accountID struct{ member, of topic.PublisherID }

func (f *finder) read(ctx context.Context, p *topic.Participant, segment, pattern string, hear func(*found, topic.Sample[[]byte], []byte) error) error {
	sub, err := topic.NewSubscriber(ctx, p, topicOf(pattern, "*", segment), &topic.SubscriberOptions[[]byte]{Codec: codec(segment)})
	if err != nil {
		return err
	}
	defer sub.Close()
	for range (maxAccounts + 64) * (sub.Publishers() + 1) { // members that publish all the time do not make this endless
		s, ok, err := sub.TryReceive()
		if err != nil || !ok {
			return err
		}
		b, err := contentOf(s, max(maxAccount, maxAnnouncement), nil)
		of, name, ok := GroupOf(s.Topic())
		if err != nil || !ok {
			continue
		}
		g := f.found[[2]string{of, name}]
		if g == nil {
			g = &found{map[topic.PublisherID]announcement{}, map[topic.PublisherID]registry.Participant{}, map[accountID]account{}}
			f.found[[2]string{of, name}] = g
		}
		if err := hear(g, s, b); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) hearAnnouncement(g *found, s topic.Sample[[]byte], b []byte) error {
	if a, err := parseAnnouncement(b); err == nil { // else a member that is not ours wrote it
		g.announced[s.Publisher()], g.processes[s.Publisher()] = a, s.Participant()
	}
	return nil
}

func (f *finder) hearAccount(g *found, s topic.Sample[[]byte], b []byte) error {
	a, err := parseAccount(b, account{})
	if err != nil {
		return nil // ″
	}
	id := accountID{s.Publisher(), a.pub}
	if _, again := g.accounts[id]; !again {
		f.bytes += len(b)
	}
	if f.bytes > maxFound {
		return &errdefs.LimitError{What: "bytes of the accounts of all groups", Limit: maxFound, Remedy: "look at the groups of fewer topics"}
	}
	g.accounts[id] = a
	return nil
}

// info sums up what the members of a group say.
func (g *found) info(name [2]string) Info {
	held := map[uint64]int{}                      // by member
	accounts := map[topic.PublisherID][]account{} // by the publishers that they are of
	for id, a := range g.accounts {
		if id.of != (topic.PublisherID{}) {
			accounts[id.of] = append(accounts[id.of], a)
		}
		for _, c := range a.claims {
			if c&claimHeld != 0 {
				held[a.member]++
			}
		}
	}
	x := Info{Topic: name[0], Group: name[1], Publishers: make(map[topic.PublisherID]Progress, len(accounts))}
	for id, a := range g.announced {
		x.Members = append(x.Members, MemberInfo{g.processes[id], a.joined, held[a.member]})
	}
	slices.SortFunc(x.Members, func(a, b MemberInfo) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.PID, b.PID), cmp.Compare(a.ID, b.ID), cmp.Compare(b.Outstanding, a.Outstanding))
	})
	for pub, all := range accounts {
		x.Publishers[pub] = progress(all)
	}
	return x
}

// progress sums up what members say of one publisher.
func progress(all []account) (p Progress) {
	var acked ranges
	first := uint64(unaccounted)
	for _, a := range all {
		first = min(first, a.first)
		for _, s := range a.acked {
			acked = acked.with(s)
		}
	}
	if len(acked) == maxRanges {
		first = max(first, acked[0].first) // lower ones are left out
	}
	if first != unaccounted {
		p.First = first
		for _, s := range acked {
			if s.last >= first {
				p.Acknowledged += s.last - max(s.first, first) + 1
			}
		}
	}
	held, again := map[uint64]bool{}, map[uint64]bool{}
	for _, a := range all {
		for _, c := range a.claims {
			switch sequence := c &^ claimHeld; {
			case acked.contains(sequence):
			case c&claimHeld != 0:
				held[sequence] = true
			default:
				again[sequence] = true
			}
		}
	}
	p.Outstanding, p.Redelivered = len(held), len(again)
	return p
}
