package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// maxFiles bounds what is remembered of a directory: more than a domain at all its limits that works has any use for.
const maxFiles = 200_000

// A look is what there was at one moment. Its parts are not of the same instant.
type look struct {
	at      int64 // ns of CLOCK_MONOTONIC
	files   map[string]file
	more    bool                 // there are more files than maxFiles
	shown   bool                 // the group may read in the domain, and not make files
	absent  map[string]bool      // files that were not there though somebody said so
	owners  map[registry.ID]bool // of files
	members map[registry.ID]registry.Participant
	dead    map[registry.ID]bool // they have files
	bad     map[string]error     // what is wrong with files, by name
	closed  []string             // files that are as they should be, for users who may make files in the domain
	rings   map[registry.EndpointID]*shmtransport.PublisherState
	links   map[registry.ID][]shmtransport.LinkState
	topics  map[registry.EndpointID]string
}

// A file is an entry of the directory.
type file struct {
	info     fs.FileInfo
	owner    registry.ID // 0 = of nobody
	suffix   string
	uid, gid int
	bytes    int64 // that it takes
}

func (f file) regular() bool { return f.info.Mode().IsRegular() }

// sleptOn reports whether the file holds words that processes sleep on, so that a user who may only read cannot open it.
func (f file) sleptOn() bool {
	return f.owner == 0 || f.suffix == registry.SuffixReader || f.suffix == registry.SuffixWake
}

func take(ctx context.Context, dir string, observer *registry.Observer) (*look, error) {
	l := &look{
		owners: map[registry.ID]bool{}, absent: map[string]bool{},
		at: clock.New().Now(), files: map[string]file{}, members: map[registry.ID]registry.Participant{}, dead: map[registry.ID]bool{},
		bad: map[string]error{}, rings: map[registry.EndpointID]*shmtransport.PublisherState{},
		links: map[registry.ID][]shmtransport.LinkState{}, topics: map[registry.EndpointID]string{},
	}
	if err := l.list(dir); err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err == nil {
		l.shown = info.Mode()&0o060 == 0o040
	}
	who, err := observer.Snapshot()
	if err != nil {
		return nil, err
	}
	for _, p := range who {
		l.members[p.ID] = p
		for _, e := range p.Entities {
			l.topics[e.ID] = e.Topic
			for _, name := range filesOf(e) {
				l.expect(dir, name)
			}
		}
	}
	for _, err := range observer.Errors() {
		l.blame(err)
	}
	l.rolls(dir)
	for name, f := range l.files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if f.owner != 0 && f.regular() {
			l.inspect(dir, name, f)
		}
	}
	if f, ok := l.files[registry.RegistryFile]; ok && f.regular() {
		l.judge(registry.RegistryFile, f, registry.CheckRegistryFile(dir))
	}
	return l, nil
}

func (l *look) list(dir string) error {
	d, err := shm.OpenDir(dir)
	if err != nil {
		return registry.ExplainAccess("the directory cannot be listed", dir, err)
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if len(l.files) == maxFiles {
				l.more = true
				return nil
			}
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				continue // it went
			}
			f := file{info: info}
			f.owner, f.suffix, _ = registry.ParseFileName(name)
			f.uid, f.gid, f.bytes = owned(info)
			l.files[name] = f
			l.owners[f.owner] = true
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// expect looks for a file that somebody says it has: it may have been made since the directory was listed.
func (l *look) expect(dir, name string) {
	if _, listed := l.files[name]; listed {
		return
	}
	if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
		l.absent[name] = true
	}
}

// filesOf are the names of the files that an entity cannot do without. The last one serves all entities of its kind.
func filesOf(e registry.Endpoint) []string {
	id := e.ID.Participant.String() + "."
	if e.Kind == registry.KindPublisher {
		return []string{fmt.Sprintf("%s%s%d", id, registry.SuffixPublisher, e.ID.Number), id + registry.SuffixWake}
	}
	return []string{id + registry.SuffixReader}
}

// rolls finds out who of those with files is dead.
func (l *look) rolls(dir string) {
	asked := map[registry.ID]bool{}
	for name, f := range l.files {
		if f.owner == 0 || asked[f.owner] || l.members[f.owner].Alive {
			continue
		}
		asked[f.owner] = true
		dead, err := registry.IsDead(dir, f.owner)
		if err != nil {
			l.fault(f.owner.String()+"."+registry.SuffixParticipant, err)
		}
		// Asked afterwards: one that left, or was cleaned up after, has no files by now.
		if _, err := os.Lstat(filepath.Join(dir, name)); dead && err == nil {
			l.dead[f.owner] = true
		}
	}
}

func (l *look) inspect(dir, name string, f file) {
	path := filepath.Join(dir, name)
	var err error
	switch number, isPublisher := strings.CutPrefix(f.suffix, registry.SuffixPublisher); {
	case isPublisher:
		n, _ := strconv.ParseUint(number, 10, 32) // 0 is nobody's
		var p *shmtransport.PublisherState
		p, err = shmtransport.InspectPublisher(path, shmtransport.PublisherID{Participant: uint64(f.owner), Number: uint32(n)})
		if err == nil {
			l.rings[registry.EndpointID{Participant: f.owner, Number: uint32(n)}] = p
		}
	case f.suffix == registry.SuffixReader:
		var links []shmtransport.LinkState
		if links, err = shmtransport.InspectReader(path, uint64(f.owner)); err == nil {
			l.links[f.owner] = links
		}
	case f.suffix == registry.SuffixWake:
		err = shmtransport.InspectWakeFile(path, uint64(f.owner))
	}
	l.judge(name, f, err)
}

// judge notes what is wrong with a file that was opened. A file that only users who take part may open is no fault.
func (l *look) judge(name string, f file, err error) {
	if errors.Is(err, fs.ErrPermission) && f.sleptOn() && f.info.Mode().Perm()&0o040 == 0 && l.shown {
		l.closed = append(l.closed, name)
		return
	}
	l.fault(name, err)
}

// fault notes what is wrong with a file. One that went meanwhile is no fault.
func (l *look) fault(name string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && l.bad[name] == nil {
		l.bad[name] = err
	}
}

// blame finds out which file an error of the observer is about.
func (l *look) blame(err error) {
	var version *registry.VersionError
	var damaged *registry.CorruptError
	var path *fs.PathError
	switch {
	case errors.As(err, &version):
		l.fault(filepath.Base(version.Path), err)
	case errors.As(err, &damaged):
		l.fault(filepath.Base(damaged.Path), err)
	case errors.As(err, &path):
		l.fault(filepath.Base(path.Path), err)
	}
}

// ring returns the publisher's side of a link, nil if it is not known.
func (l *look) ring(link shmtransport.LinkState) *shmtransport.PublisherState {
	return l.rings[registry.EndpointID{Participant: registry.ID(link.Publisher.Participant), Number: link.Publisher.Number}]
}

// twice returns the members that were alive at both looks, as they are now.
func (x *examination) twice() (all []registry.Participant) {
	for id, p := range x.now.members {
		if p.Alive && x.before.members[id].Alive {
			all = append(all, p)
		}
	}
	return all
}

// stopped reports whether the process of a participant did nothing all the time.
func (x *examination) stopped(id registry.ID) bool {
	return x.now.members[id].State == registry.StateStopped && x.before.members[id].State == registry.StateStopped
}

// entity returns what a publisher or subscription was at the first look.
func (x *examination) entity(id registry.EndpointID) (registry.Endpoint, bool) {
	for _, e := range x.before.members[id.Participant].Entities {
		if e.ID == id {
			return e, true
		}
	}
	return registry.Endpoint{}, false
}
