//go:build linux

package integration

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/internal/shm"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

const mib = 1 << 20

func TestWithoutDescriptorsEveryCallSaysSoAndThePeersAreNotBlamed(t *testing.T) {
	dir := newDomain(t)
	poor, pub := startAttemptAgent(t, dir), startAttemptAgent(t, dir)
	poor.mustSucceed("sub s t")
	poor.mustSucceed("pub p u")
	pub.mustSucceed("pub p t")
	pub.mustSucceed("peers p 1")
	pub.mustSucceed("send p 1 50")
	poor.mustSucceed("take s 1")
	poor.mustSucceed("nofiles")
	victim, newcomer := startAttemptAgent(t, dir), startAttemptAgent(t, dir)
	newcomer.mustSucceed("sub s u")
	newcomer.mustSucceed("pub n t")
	was := entries(t, dir)
	for range 5 {
		poor.mustLack("files", "pub q q")
		poor.mustLack("files", "latch q q")
		poor.mustLack("files", "record %s", filepath.Join(t.TempDir(), "a.mcap"))
	}
	if n := entries(t, dir); n != was {
		t.Errorf("%d files, before it were %d", n, was)
	}
	stranger := start(t, dir, "attempt")
	stranger.mustSucceed("nofiles")
	stranger.mustLack("files", "join")
	stranger.finish()
	// What is connected goes on.
	pub.mustSucceed("send p 300 5000")
	poor.mustSucceed("take s 300")
	poor.mustSucceed("send p 3 5000")
	victim.kill()
	for _, c := range []*child{pub, newcomer} {
		c.mustSucceed("heard died 1")
	}
	poor.mustSucceed("files 500")
	poor.mustSucceed("heard died 0")
	poor.mustSucceed("peers s 2")
	poor.mustSucceed("peers p 1")
	newcomer.mustSucceed("send n 1 50")
	poor.mustSucceed("take s 1")
	poor.mustSucceed("heard joined 3") // itself, the two
	if a := poor.mustSucceed("heard unusable 0"); a.Received != 0 {
		t.Errorf("%d peers were called unusable", a.Received)
	}
	for _, c := range []*child{poor, pub, newcomer} {
		c.finish()
	}
}

// leanBinary is this test binary without C and the race detector, whose threads take address space as they like.
func leanBinary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lean")
	build(t, path, ".")
	return path
}

func TestWithoutAddressSpace(t *testing.T) {
	lean := leanBinary(t)
	t.Run("every call says so and leaves nothing", func(t *testing.T) { noAddressSpace(t, lean) })
	t.Run("a reader is late and blames nobody", func(t *testing.T) { lateForAddressSpace(t, lean) })
}

func noAddressSpace(t *testing.T, lean string) {
	dir := newSmallDomain(t, "1g") // where nobody else takes or gives
	poor, other, stranger := launch(t, exec.Command(lean), dir, "attempt"), startAttemptAgent(t, dir), launch(t, exec.Command(lean), dir, "attempt")
	poor.mustSucceed("join")
	poor.mustSucceed("pub p t")
	other.mustSucceed("sub s t")
	poor.mustSucceed("send p 20 1000")
	other.mustSucceed("take s 20")
	poor.mustSucceed("prepare %d", 20*mib)
	poor.mustSucceed("figures")
	poor.mustSucceed("maps %d", 6*mib)
	stranger.mustSucceed("maps %d", 6*mib)
	was := poor.resourceSummary(dir)
	for range 5 {
		poor.mustLack("memory", "send p 1 %d", 20*mib)
		poor.mustLack("memory", "parts p %d", 20*mib)
		poor.mustLack("memory", "lend p %d", 20*mib)
		poor.mustLack("memory", "batch p 2 %d", 20*mib)
		poor.mustLack("memory", "pub q q %d", 20*mib)
		poor.mustLack("memory", "sub q q") // 16 MiB of address space, of which little has memory
		stranger.mustLack("memory", "join")
	}
	if is := poor.resourceSummary(dir); is != was {
		t.Errorf("before: %s\nafter:  %s", was, is)
	}
	poor.mustSucceed("send p 20 1000")
	other.mustSucceed("take s 20")
	// One that may map a little makes do with fewer slots.
	poor.mustSucceed("pub little t2")
	poor.mustSucceed("maps %d", 12*mib)
	poor.mustSucceed("send little 30 %d", 3*mib)
	poor.mustSucceed("maps -1")
	stranger.mustSucceed("maps -1")
	poor.mustSucceed("send p 1 %d", 20*mib)
	poor.mustSucceed("sub q q")
	other.mustSucceed("take s 1")
	stranger.mustSucceed("join")
	for _, c := range []*child{poor, other, stranger} {
		c.finish()
	}
}

func lateForAddressSpace(t *testing.T, lean string) {
	const large = 20 * mib
	dir := newDomain(t)
	poor, pub := launch(t, exec.Command(lean), dir, "attempt"), startAttemptAgent(t, dir)
	poor.mustSucceed("join")
	poor.mustSucceed("sub s large")
	poor.mustSucceed("sub few small")
	pub.mustSucceed("pub l large")
	pub.mustSucceed("pub s small")
	poor.mustSucceed("figures")
	poor.mustSucceed("maps %d", 6*mib)
	pub.mustSucceed("send l 2 %d", large)
	pub.mustSucceed("send s 20 60")
	poor.mustSucceed("none s")
	poor.mustSucceed("heard unusable:large 1")
	poor.mustSucceed("take few 20")
	late := startAttemptAgent(t, dir)
	late.mustSucceed("deep p small 4096") // 0.6 MiB; connected later or now, as there is room
	pub.mustSucceed("send l 20 %d", large)
	poor.mustSucceed("none s")
	poor.mustSucceed("none s")
	poor.mustSucceed("maps -1")
	// 22 were published, of which the ring has 16: the others were lost to one that was late, and counted.
	if a := poor.mustSucceed("take s 22"); a.Received+a.Lost != 22 || a.Received == 0 || a.Lost < 6 {
		t.Errorf("of 22 it received %d and lost %d", a.Received, a.Lost)
	}
	pub.mustSucceed("send l 3 %d", large)
	if a := poor.mustSucceed("take s 3"); a.Lost != 0 {
		t.Errorf("with room again it lost %d", a.Lost)
	}
	if a := poor.mustSucceed("heard unusable 0"); a.Received != 1 {
		t.Errorf("it heard of %d unusable publishers", a.Received)
	}
	for _, c := range []*child{poor, pub, late} {
		c.finish()
	}
}

func TestTooManyParticipantsAreRefusedUntilOneLeaves(t *testing.T) {
	dir := newDomain(t)
	one := startAttemptAgent(t, dir)
	one.mustSucceed("pub p t")
	var crowd []*forged
	for range registry.MaxParticipants - 1 {
		crowd = append(crowd, forge(t, dir, os.Getpid(), nil))
	}
	stranger := start(t, dir, "attempt")
	for range 3 {
		stranger.mustLack("places", "join")
	}
	if n := entries(t, dir); n != registry.MaxParticipants+3 { // the registry, a publisher and its wake file
		t.Errorf("%d files", n)
	}
	one.mustSucceed("send p 3 50")
	one.mustSucceed("sub s t")
	one.mustSucceed("send p 3 50")
	one.mustSucceed("take s 3")
	crowd[0].end()
	stranger.mustSucceed("join")
	stranger.mustSucceed("sub s t")
	one.mustSucceed("peers p 2")
	one.mustSucceed("send p 3 50")
	stranger.mustSucceed("take s 3")
	for _, f := range crowd {
		f.end()
	}
	stranger.finish()
	one.finish()
}

func TestPlacesOfReadersThatWereKilledAreFreeAgain(t *testing.T) {
	dir := newDomain(t)
	pub, many, more, one := startAttemptAgent(t, dir), startAttemptAgent(t, dir), startAttemptAgent(t, dir), startAttemptAgent(t, dir)
	pub.mustSucceed("pub p t")
	for i := range shmtransport.MaxReaders / 2 {
		many.mustSucceed("sub s%d t", i)
		more.mustSucceed("sub s%d t", i)
	}
	for range 3 {
		one.mustLack("places", "sub s t")
	}
	pub.mustSucceed("send p 3 500")
	many.mustSucceed("take s0 3")
	more.mustSucceed("take s%d 3", shmtransport.MaxReaders/2-1)
	many.kill()
	pub.mustSucceed("heard died 1")
	one.mustSucceed("sub s t")
	pub.mustSucceed("send p 3 500")
	if a := one.mustSucceed("take s 3"); a.Lost != 0 {
		t.Errorf("it lost %d", a.Lost)
	}
	more.mustSucceed("take s0 6")
	for _, c := range []*child{pub, more, one} {
		c.finish()
	}
}

// forged is a participant's file without a participant: the test holds its lock as long as it is to live.
type forged struct {
	path string
	file *os.File
}

// forge makes the file of a participant with a pid, and the file's header as alter leaves it; its checksum is made right.
func forge(t testing.TB, dir string, pid int, alter func(header []byte)) *forged {
	t.Helper()
	const offPID, offID, offExec, offUnit, offCRC, offState, offText, size = 12, 16, 56, 58, 60, 72, 128, 4096
	b := make([]byte, size)
	self, err := filepath.Glob(filepath.Join(dir, "d", "*.participant"))
	if err != nil || len(self) == 0 {
		t.Fatalf("there is nobody to imitate: %v", err)
	}
	model, err := os.Open(self[0])
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if _, err := model.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	clear(b[64:offText]) // no endpoints
	id := rand.Uint64() | 1
	binary.NativeEndian.PutUint32(b[offState:], 1)
	binary.NativeEndian.PutUint32(b[offPID:], uint32(pid))
	binary.NativeEndian.PutUint64(b[offID:], id)
	if alter != nil {
		alter(b)
	}
	texts := int(binary.NativeEndian.Uint16(b[offExec:])) + int(binary.NativeEndian.Uint16(b[offUnit:]))
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.NativeEndian.PutUint32(b[offCRC:], crc32.Update(crc32.Checksum(b[:offCRC], table), table, b[offText:offText+texts]))
	f := &forged{path: filepath.Join(dir, "d", fmt.Sprintf("%016x.participant", id))}
	// Under a name that is nobody's until it is locked.
	if f.file, err = os.OpenFile(f.path+".new", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.end)
	if _, err := f.file.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := shm.Lock(f.file); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		t.Fatal(err)
	}
	return f
}

// end drops the lock, as the kernel does when a process ends, and leaves the file.
func (f *forged) end() { f.file.Close() }
