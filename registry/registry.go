package registry

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/shm"
)

// Options say how to join a domain. The zero value joins the default domain.
type Options struct {
	// Dir is the directory of the domain itself, an absolute path; empty means DomainDir("", ""). A missing directory is
	// created with mode 0700. Its parent is created too, where the directory above the parent belongs to this user. An
	// existing directory keeps its mode. If that mode lets a group read, so do the files of this participant.
	Dir string

	// Unit is the name of this participant for people; empty means the base name of the executable.
	Unit string

	// Logger gets the errors of the background goroutines; nil discards them.
	Logger *slog.Logger

	// OnChange is called for every change that a scan of the domain finds, those of this participant included. The calls come
	// one at a time and in order: a participant's Joined comes first, its Removed before its Left or Died, its Updated after
	// the Added and Removed of the same change. The calls come from goroutines of the registry, perhaps before Join has
	// returned, and from Sync, Discover, Watch and WatchParticipants. OnChange must not call these or Close. A goroutine that
	// is in one of these calls must not hold a lock that OnChange needs.
	OnChange func(Change)

	// OnDemand leaves out the endpoints of other participants until Discover or Watch asks for them, and participants without
	// such endpoints until WatchParticipants asks. In a large domain nearly all work goes into these.
	OnDemand bool

	// ReadOnly joins without leaving a trace: this participant creates no file, wakes no process, is seen by no process and
	// removes no files of dead participants. It needs only the right to read the directory and the files in it, which must
	// exist. It finds changes like any other participant, and cannot advertise publishers.
	ReadOnly bool
}

// A Registry is the membership of this process in a domain. Its methods may be called concurrently.
type Registry struct {
	dir      string
	modes    Modes
	policy   *Policy
	log      *slog.Logger
	onChange func(Change)
	clock    clock.Clock
	self     *header
	bell     *bell
	table    *table // nil with Options.ReadOnly

	numbers sync.Mutex
	last    uint32
	free    map[uint32]bool // reserved by ReserveID and not advertised yet

	interest *interest // in other participants
	own      *interest // in this participant

	scanning        sync.Mutex   // held during a scan, its calls of OnChange included; guards the fields up to mu
	order           []*knownPeer // the known peers
	listing         directory
	hints           hints
	dead            map[ID]bool // participants whose files are to be removed, and whether the participant file was there
	reapAt          time.Time   // when to remove them
	nextScheduled   int         // index in order of the next peer to examine without a hint
	refused         map[ID]bool // participants whose files could not be opened or removed
	tooManyReported bool        // it was logged that there are too many participants
	scarceReported  bool        // it was logged that descriptors or memory are short

	mu    sync.Mutex // guards peers, which scans share with other calls; not held while OnChange runs
	peers map[ID]*knownPeer

	closing atomic.Bool
	wake    atomic.Uint32 // a word that the goroutine of the loop sleeps on beside the bells
	running sync.WaitGroup
	closed  sync.Once
	result  error
}

// Join makes this process a participant of a domain. Before that it removes the files of dead participants there.
func Join(opts Options) (*Registry, error) {
	r, err := join(opts)
	if err != nil {
		return nil, fmt.Errorf("join the domain: %w", err)
	}
	r.bell.notifyJoin(r.self.id)
	r.running.Go(r.loop)
	return r, nil
}

func join(opts Options) (*Registry, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if opts.Dir == "" {
		dir, err := DomainDir("", "")
		if err != nil {
			return nil, err
		}
		opts.Dir = dir
	}
	r := &Registry{
		dir: filepath.Clean(opts.Dir), log: opts.Logger, onChange: opts.OnChange, clock: clock.New(),
		free: make(map[uint32]bool), refused: make(map[ID]bool), dead: make(map[ID]bool), peers: make(map[ID]*knownPeer),
		listing: directory{present: make(map[ID]bool)}, interest: everything(), own: everything(),
	}
	if opts.OnDemand {
		r.interest = new(interest)
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.onChange == nil {
		r.onChange = func(Change) {}
	}
	self, err := process.Self()
	if err != nil {
		return nil, errdefs.Explain(err)
	}
	self.Executable = cutName(self.Executable, maxExecutable)
	if opts.Unit == "" {
		opts.Unit = cutName(filepath.Base(self.Executable), MaxName)
	}
	if err := checkUnit(opts.Unit); err != nil {
		return nil, err
	}
	r.self = &header{self: self, unit: opts.Unit, since: r.clock.Now()}
	const attempts = 100 // an attempt fails only when another process removes the domain meanwhile
	enter := r.enter
	if opts.ReadOnly {
		enter = r.enterReading
	}
	for range attempts {
		err = enter()
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, explain("joining takes the right to make files", r.dir, r.closedDir(err))
	}
	return r, nil
}

// closedDir turns the refusal to write a file in the domain directory into one that names the directory, if this process may
// not write the directory either.
func (r *Registry) closedDir(err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) && filepath.Dir(at.Path) == r.dir && errors.Is(shm.MayWrite(r.dir), fs.ErrPermission) {
		return inDirectory(err)
	}
	return err
}

// enterReading is enter with Options.ReadOnly. It opens only what exists.
func (r *Registry) enterReading() (err error) {
	info, err := os.Stat(r.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &DirError{Dir: r.dir, Reason: "it does not exist, and a participant that only reads creates none",
			Remedy: "start a program that takes part, or choose another (SHMBUS_DIR, SHMBUS_DOMAIN)"}
	case err != nil:
		return explain("the directory cannot be reached", r.dir, examineError(r.dir, err))
	}
	if err := checkDir(r.dir, info.Mode()); err != nil {
		return err
	}
	if err := eachFile(r.dir, func(ID, string) {}); err != nil {
		return explain("the directory cannot be listed", r.dir, err)
	}
	if r.policy, err = LoadPolicy(r.dir); err != nil {
		return err
	}
	r.bell = openBellReadOnly(r.dir, r.log)
	r.self.id = newID()
	return nil
}

// readOnly reports whether this participant creates no files.
func (r *Registry) readOnly() bool { return r.table == nil }

// enter does all steps of joining that create or remove files.
func (r *Registry) enter() (err error) {
	mode, err := prepareDomain(r.dir, r.log)
	if err != nil {
		return err
	}
	r.modes = ownModes(r.dir, mode)
	if r.policy, err = LoadPolicy(r.dir); err != nil {
		return err
	}
	if !shm.InMemory(r.dir) {
		r.log.Warn("the domain is not on a tmpfs: the kernel writes samples to a disk, which takes its time and may make publishers wait",
			"dir", r.dir)
	}
	removed, living, err := clean(r.dir, false)
	if err != nil {
		r.log.Warn("not everything that the dead left could be removed", "dir", r.dir, "err", err)
	} else if len(removed) != 0 {
		r.log.Info("removed what the dead left", "dir", r.dir, "files", len(removed))
	}
	failpoint.At("join.clean")
	if living >= MaxParticipants {
		return &errdefs.LimitError{What: "participants in " + r.dir, Limit: MaxParticipants,
			Remedy: "end some, or spread them over several domains (SHMBUS_DOMAIN)"}
	}
	if r.bell, err = openBell(r.dir, r.modes.Registry, r.log); err != nil {
		return err
	}
	r.self.id = newID()
	if r.table, err = newTable(r.dir, r.modes.Read, r.self); err != nil {
		return errors.Join(err, r.bell.close())
	}
	failpoint.At("join.participant")
	return nil
}

func newID() ID {
	for {
		var b [8]byte
		rand.Read(b[:])
		if id := ID(native.Uint64(b[:])); id != 0 {
			return id
		}
	}
}

// ID returns the id of this participant.
func (r *Registry) ID() ID { return r.self.id }

// Dir returns the directory of the domain.
func (r *Registry) Dir() string { return r.dir }

// Modes returns the modes of the files of this participant.
func (r *Registry) Modes() Modes { return r.modes }

// Path returns the path of a file of this participant, "<id>.<suffix>" in the domain directory. Files with the suffixes
// "reader", "wake" and "pub.<n>" are removed when this participant closes or dies.
func (r *Registry) Path(suffix string) string { return filePath(r.dir, r.self.id, suffix) }

// PeerPath returns the path of a file of another participant.
func (r *Registry) PeerPath(id ID, suffix string) string { return filePath(r.dir, id, suffix) }

// Notify announces a change in the files of this participant to the given participants, or without arguments to all that watch
// participants. They scan at once and report Updated. All others report it at their next scan. A call from OnChange for the
// Updated of this same participant would repeat without end.
func (r *Registry) Notify(to ...ID) {
	if r.readOnly() {
		return
	}
	r.table.touch()
	failpoint.At("request.version")
	if len(to) == 0 {
		r.bell.wakeAll(r.self.id)
	} else {
		r.bell.wakeParticipant(r.self.id, to)
	}
	failpoint.At("request.bell")
}

// Close leaves the domain. The other participants report that its endpoints were Removed and that it Left. All its files are
// unlinked, and the memory of Advertisement.Counters is unmapped. OnChange is not called after Close has returned. Further
// calls wait for the first and return its result.
func (r *Registry) Close() error {
	r.closed.Do(func() {
		r.closing.Store(true)
		r.wakeLoop()
		r.closePeers()
		r.running.Wait()
		if !r.readOnly() {
			r.result = r.table.close(r.log)
			r.bell.wakeAll(r.self.id)
			failpoint.At("leave.bell")
		}
		r.result = errors.Join(r.result, r.bell.close())
	})
	return r.result
}
