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
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// maxFiles bounds the number of directory entries in a snapshot. A working domain at all its limits has fewer.
const maxFiles = 200_000

// A snapshot is the state of the domain at one moment. Its parts are not read at the same instant.
type snapshot struct {
	at            int64 // ns of CLOCK_MONOTONIC
	files         map[string]file
	truncated     bool                 // the directory has more than maxFiles entries
	groupReadOnly bool                 // the group may read in the domain but not create files
	absent        map[string]bool      // announced files that do not exist
	owners        map[registry.ID]bool // participants that have files
	members       map[registry.ID]registry.Participant
	stats         registry.Stats
	dead          map[registry.ID]bool // dead participants that have files
	bad           map[string]error     // errors of files, by name
	inaccessible  []string             // files with a correct mode that only users with write permission in the domain can open
	rings         map[registry.EndpointID]*shmtransport.PublisherState
	links         map[registry.ID][]shmtransport.LinkState
	topics        map[registry.EndpointID]string
}

// A file is an entry of the directory.
type file struct {
	info     fs.FileInfo
	owner    registry.ID // 0 = none
	suffix   string
	uid, gid int
	bytes    int64 // allocated
}

func (f file) regular() bool { return f.info.Mode().IsRegular() }

// ofItsSort reports whether the file is one of shmbus: a control socket is a socket, every other one is regular.
func (f file) ofItsSort() bool { return registry.IsOfItsSort(f.suffix, f.info.Mode()) }

// sleptOn reports whether the file holds wait words. A user with read permission only cannot open such a file.
func (f file) sleptOn() bool {
	return f.owner == 0 || f.suffix == registry.SuffixReader || f.suffix == registry.SuffixWake
}

func takeSnapshot(ctx context.Context, dir string, observer *registry.Observer) (*snapshot, error) {
	l := &snapshot{
		owners: map[registry.ID]bool{}, absent: map[string]bool{},
		at: clock.New().Now(), files: map[string]file{}, members: map[registry.ID]registry.Participant{}, dead: map[registry.ID]bool{},
		bad: map[string]error{}, rings: map[registry.EndpointID]*shmtransport.PublisherState{},
		links: map[registry.ID][]shmtransport.LinkState{}, topics: map[registry.EndpointID]string{},
	}
	if err := l.list(dir); err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err == nil {
		l.groupReadOnly = info.Mode()&0o060 == 0o040
	}
	observed, err := observer.Snapshot()
	if err != nil {
		return nil, err
	}
	l.stats = observer.Stats()
	for _, p := range observed {
		l.members[p.ID] = p
		for _, e := range p.Endpoints {
			l.topics[e.ID] = e.Topic
			for _, name := range endpointFiles(e) {
				l.checkPresent(dir, name)
			}
		}
	}
	for _, err := range observer.Errors() {
		l.attribute(err)
	}
	l.findDead(dir)
	for name, f := range l.files {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if f.owner != 0 && f.regular() {
			l.inspect(dir, name, f)
		}
	}
	if f, ok := l.files[registry.RegistryFile]; ok && f.regular() {
		l.classify(registry.RegistryFile, f, registry.CheckRegistryFile(dir))
	}
	return l, nil
}

func (l *snapshot) list(dir string) error {
	d, err := shm.OpenDir(dir)
	if err != nil {
		return registry.ExplainAccess("the directory cannot be listed", dir, err)
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			if len(l.files) == maxFiles {
				l.truncated = true
				return nil
			}
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				continue // the file was removed meanwhile
			}
			f := file{info: info}
			f.owner, f.suffix, _ = registry.ParseFileName(name)
			f.uid, f.gid, f.bytes = fileOwner(info)
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

// checkPresent records an announced file that does not exist. A file that the listing lacks may have been created after it.
func (l *snapshot) checkPresent(dir, name string) {
	if _, listed := l.files[name]; listed {
		return
	}
	if _, err := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) {
		l.absent[name] = true
	}
}

// endpointFiles returns the names of the files that an endpoint needs. The last one serves all endpoints of its kind.
func endpointFiles(e registry.Endpoint) []string {
	id := e.ID.Participant.String() + "."
	if e.Kind == registry.KindPublisher {
		return []string{fmt.Sprintf("%s%s%d", id, registry.SuffixPublisher, e.ID.Number), id + registry.SuffixWake}
	}
	return []string{id + registry.SuffixReader}
}

// findDead determines which owners of files are dead.
func (l *snapshot) findDead(dir string) {
	asked := map[registry.ID]bool{}
	for name, f := range l.files {
		if f.owner == 0 || asked[f.owner] || l.members[f.owner].Alive {
			continue
		}
		asked[f.owner] = true
		dead, err := registry.IsDead(dir, f.owner)
		if err != nil {
			l.setFault(f.owner.String()+"."+registry.SuffixParticipant, err)
		}
		// The file is checked afterwards: the files of a participant that left, or was cleaned up, are gone by now.
		if _, err := os.Lstat(filepath.Join(dir, name)); dead && err == nil {
			l.dead[f.owner] = true
		}
	}
}

func (l *snapshot) inspect(dir, name string, f file) {
	path := filepath.Join(dir, name)
	var err error
	switch number, isPublisher := strings.CutPrefix(f.suffix, registry.SuffixPublisher); {
	case isPublisher:
		n, _ := strconv.ParseUint(number, 10, 32) // no publisher has the number 0
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
	l.classify(name, f, err)
}

// classify records the error of a file that was opened. A file that is open only to users with write permission in the
// domain is no fault.
func (l *snapshot) classify(name string, f file, err error) {
	if errors.Is(err, fs.ErrPermission) && f.sleptOn() && f.info.Mode().Perm()&0o040 == 0 && l.groupReadOnly {
		l.inaccessible = append(l.inaccessible, name)
		return
	}
	l.setFault(name, err)
}

// setFault records the error of a file. A file that was removed meanwhile is no fault.
func (l *snapshot) setFault(name string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) && l.bad[name] == nil {
		l.bad[name] = err
	}
}

// attribute records an error of the observer for the file that it concerns.
func (l *snapshot) attribute(err error) {
	var version *errdefs.VersionError
	var damaged *errdefs.CorruptError
	var path *fs.PathError
	switch {
	case errors.As(err, &version):
		l.setFault(filepath.Base(version.Path), err)
	case errors.As(err, &damaged):
		l.setFault(filepath.Base(damaged.Path), err)
	case errors.As(err, &path):
		l.setFault(filepath.Base(path.Path), err)
	}
}

// ring returns the publisher's side of a link, nil if it is not known.
func (l *snapshot) ring(link shmtransport.LinkState) *shmtransport.PublisherState {
	return l.rings[registry.EndpointID{Participant: registry.ID(link.Publisher.Participant), Number: link.Publisher.Number}]
}

// aliveInBoth returns the participants that were alive in both snapshots, in their present state.
func (x *examination) aliveInBoth() (all []registry.Participant) {
	for id, p := range x.now.members {
		if p.Alive && x.before.members[id].Alive {
			all = append(all, p)
		}
	}
	return all
}

// stopped reports whether the process of a participant was stopped in both snapshots.
func (x *examination) stopped(id registry.ID) bool {
	return x.now.members[id].State == registry.StateStopped && x.before.members[id].State == registry.StateStopped
}
