//go:build linux

package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// readAll reads a participant file as a scan does. A torn record is an error.
func readAll(dir string, id ID) (*peer, []error) {
	p, err := openPeer(dir, id)
	if err != nil {
		if p != nil {
			p.file.Close()
		}
		return nil, []error{err}
	}
	defer p.file.Close()
	w, err := p.words()
	if err != nil {
		return p, []error{err}
	}
	d := p.compare(w, everything())
	p.adopt(d, w)
	if p.torn {
		d.errs = append(d.errs, errTorn)
	}
	return p, d.errs
}

func TestPeer_FlippedByteRejected(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	f.advertise(publisher("robot/pose"))
	p, errs := readAll(dir, f.id)
	if len(errs) != 0 {
		t.Fatal(errs)
	}
	truth := p.endpoints()[0]
	page := pageOffset(0)
	// meaningless reports whether a flip of the byte may go unnoticed.
	meaningless := func(at int) bool {
		texts, record := textLength(f.b), f.b[page:]
		switch {
		case at < offTableVersion:
			return false
		case at < offText: // words that change
			return true
		case at < indexOffset(0):
			return at >= offText+texts
		case at < page:
			return at >= indexOffset(0)+offIndexKey
		case at-page < prefixSize:
			return false
		case at-page < offBody:
			return true
		}
		return at-page >= offBody+int(native.Uint32(record[offBodyLength:]))
	}
	for at := range page + pageSize {
		if at >= indexOffset(0)+indexSize && at < page && at%64 != 0 {
			continue // index entries of pages that were never used
		}
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			f.b[at] ^= flip
			p, errs := readAll(dir, f.id)
			believed := p != nil && slices.ContainsFunc(p.endpoints(), func(e Endpoint) bool { return e.Topic == truth.Topic })
			if believed && !meaningless(at) {
				t.Errorf("byte %d ^ %#x: the record is believed", at, flip)
			}
			if p != nil && len(p.endpoints()) != 0 && !believed {
				t.Errorf("byte %d ^ %#x: something else is believed: %+v", at, flip, p.endpoints())
			}
			if at >= page && !meaningless(at) && len(errs) == 0 && native.Uint32(f.b[page:]) != 0 {
				t.Errorf("byte %d ^ %#x: nothing is reported", at, flip)
			}
			f.b[at] ^= flip
		}
	}
}

func TestPeer_TruncatedFileRejected(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	f.advertise(publisher("a"))
	whole := slices.Clone(f.raw())
	f.die()
	for _, size := range []int{0, 1, 8, 12, 60, 64, 72, 80, 128, 88, 4095, 4096, 4097, 4100, 4103, 4104, 8192,
		pageOffset(0), pageOffset(0) + 1, pageOffset(0) + 23, pageOffset(0) + 24, pageOffset(0) + 64, pageOffset(0) + 104} {
		if err := os.WriteFile(f.path(), whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		p, errs := readAll(dir, f.id)
		if len(errs) == 0 || p != nil && len(p.endpoints()) != 0 {
			t.Errorf("cut to %d bytes: %v", size, errs)
		}
	}
}

func TestPeer_CorruptHeader(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	f.b[offID] ^= 1
	w := watch(t, dir)
	c := w.expect(f.id, Corrupt)[0]
	if !errors.As(c.Err, new(*errdefs.CorruptError)) {
		t.Errorf("the error is %T", c.Err)
	}
	w.quiet(f.id)
	for _, p := range w.participants() {
		if p.ID == f.id {
			t.Error("it counts as a participant")
		}
	}
	if w.isAlive(f.id) {
		t.Error("it counts as alive")
	}
	f.die()
	w.quiet(f.id)
	if _, err := os.Stat(f.path()); err == nil {
		t.Error("the file is still there")
	}
}

func TestPeer_AnotherLayoutVersion(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	native.PutUint32(f.b[offVersion:], 7)
	w := watch(t, dir)
	var version *errdefs.VersionError
	if c := w.expect(f.id, VersionMismatch)[0]; !errors.As(c.Err, &version) || version.Found != 7 || version.Known != layoutVersion {
		t.Errorf("the error is %v", c.Err)
	}
	w.quiet(f.id)
}

func TestPeer_CorruptRecord(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	bad := f.advertise(publisher("bad"))
	f.advertise(publisher("good"))
	f.page(bad)[offBody] ^= 1
	w := watch(t, dir)
	got := w.expect(f.id, Joined, Added, Corrupt, Updated)
	if got[1].Endpoint.Topic != "good" {
		t.Errorf("believed is %q", got[1].Endpoint.Topic)
	}
	f.touch()
	w.quiet(f.id, Updated) // the record was reported once
	f.die()
	w.refresh()
	w.expect(f.id, Removed, Died)
}

func TestPeer_InvalidRecordsRejected(t *testing.T) {
	dir := domain(t)
	for name, lie := range map[string]func(f *forger){
		"more pages than there can be": func(f *forger) { f.word32(offPages).Store(1 << 31) },
		"pages behind the end of the file": func(f *forger) {
			f.word32(offPages).Store(MaxEndpoints)
			os.Truncate(f.path(), int64(pageOffset(1)))
		},
		"the same number twice": func(f *forger) { f.rewrite(1, func(b []byte) { native.PutUint32(b[offNumber:], 1) }) },
		"number 0":              func(f *forger) { f.rewrite(1, func(b []byte) { native.PutUint32(b[offNumber:], 0) }) },
		"a body longer than its page": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint32(b[offBodyLength:], pageSize) })
		},
		"a huge body": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint32(b[offBodyLength:], 1<<32-1) })
		},
		"an empty body": func(f *forger) { f.rewrite(1, func(b []byte) { native.PutUint32(b[offBodyLength:], 0) }) },
		"a kind that does not exist": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint32(b, 3); b[offBody+offKind] = 3 })
		},
		"another kind in the state word": func(f *forger) { f.rewrite(1, func(b []byte) { native.PutUint32(b, 2) }) },
		"patterns that are not there": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint16(b[offBody+offPatternCount:], 65535) })
		},
		"a text longer than the body": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint16(b[offBody+offTexts:], 65535) })
		},
		"metadata without a value": func(f *forger) {
			f.rewrite(1, func(b []byte) { appendTexts(b, "key") })
		},
		"a key of the metadata twice": func(f *forger) {
			f.rewrite(1, func(b []byte) { appendTexts(b, "key", "1", "key", "2") })
		},
		"more metadata than is allowed": func(f *forger) {
			f.rewrite(1, func(b []byte) { appendTexts(b, "key", strings.Repeat("x", MaxMetadata)) })
		},
		"an illegal topic":     func(f *forger) { f.rewrite(1, func(b []byte) { b[offBody+offTexts+2] = '*' }) },
		"a topic not in UTF-8": func(f *forger) { f.rewrite(1, func(b []byte) { b[offBody+offTexts+2] = 0xff }) },
		"a schema of 4 GiB": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint32(b[offBody+offSchemaSize:], 1<<32-1) })
		},
		"a schema of another size": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint32(b[offBody+offSchemaSize:], 3) })
		},
		"another schema": func(f *forger) {
			f.rewrite(1, func(b []byte) { native.PutUint32(b[offBody+offSchemaCRC:], 3) })
		},
		"no schema": func(f *forger) { os.Remove(filePath(f.dir, f.id, "schema.2")) },
		"a schema that is a link": func(f *forger) {
			path := filePath(f.dir, f.id, "schema.2")
			os.Rename(path, dir+"/elsewhere")
			os.Symlink(dir+"/elsewhere", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := forge(t, dir, nil)
			defer f.die()
			f.advertise(publisher("honest"))
			f.advertise(publisher("liar"))
			lie(f)
			p, errs := readAll(dir, f.id)
			if len(errs) == 0 || !errors.As(errs[0], new(*errdefs.CorruptError)) {
				t.Errorf("the errors are %v", errs)
			}
			topics := ""
			for _, e := range p.endpoints() {
				topics += e.Topic + " "
			}
			if !strings.HasPrefix(topics, "honest ") || strings.Contains(topics, "liar") && name != "more pages than there can be" {
				t.Errorf("believed is %s", topics)
			}
		})
	}
}

// rewrite alters a record and makes its checksum fit.
func (f *forger) rewrite(page int, alter func([]byte)) {
	b := f.page(page)
	alter(b)
	n := min(native.Uint32(b[offBodyLength:]), maxBody)
	native.PutUint32(b[offBodyCRC:], checksum(b[offNumber:offBodyCRC], b[offBody:offBody+n]))
}

// appendTexts adds texts to the body of a record.
func appendTexts(page []byte, texts ...string) {
	n := native.Uint32(page[offBodyLength:])
	body := page[offBody : offBody+n]
	for _, text := range texts {
		body = append(native.AppendUint16(body, uint16(len(text))), text...)
	}
	native.PutUint32(page[offBodyLength:], uint32(len(body)))
}

func TestPeer_SchemasOverLimit(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	huge := publisher("a")
	huge.Schema = make([]byte, MaxSchema)
	for range MaxSchemas / MaxSchema {
		f.advertise(huge)
	}
	huge.Schema = []byte("one byte too many is enough")
	f.schemas = 0
	f.advertise(huge)
	p, errs := readAll(dir, f.id)
	if len(errs) != 1 || len(p.endpoints()) != MaxSchemas/MaxSchema {
		t.Errorf("%d schemas were read, errors %v", len(p.endpoints()), errs)
	}
}

// forgeRejectedSchemas returns a participant with records that refer to large schemas with wrong checksums.
func forgeRejectedSchemas(t *testing.T, dir string, records int) *forger {
	f := forge(t, dir, nil)
	huge := publisher("a")
	huge.Schema = make([]byte, MaxSchema)
	for range records {
		f.schemas = 0
		f.advertise(huge)
	}
	for page := range records {
		f.rewrite(page, func(b []byte) { native.PutUint32(b[offBody+offSchemaCRC:], 3) })
	}
	return f
}

// A participant whose records take more than one reading is not taken for one without further endpoints.
func TestObserver_IncompleteParticipant(t *testing.T) {
	dir := domain(t)
	f := forgeRejectedSchemas(t, dir, 10)
	f.advertise(publisher("b"))
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for scans := 1; ; scans++ {
		all, err := o.Snapshot()
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		p := all[0]
		if scans == 1 && !p.Incomplete {
			t.Error("one Snapshot read everything")
		}
		if !p.Incomplete {
			if len(p.Endpoints) != 1 {
				t.Errorf("%d endpoints after %d scans", len(p.Endpoints), scans)
			}
			return
		}
		if scans == 20 {
			t.Fatal("still incomplete")
		}
	}
}

// Thousands of records can refer to one large schema with wrong checksums.
func TestPeer_RejectedSchemasBoundScan(t *testing.T) {
	const records = 10
	dir := domain(t)
	f := forgeRejectedSchemas(t, dir, records)
	p, err := openPeer(dir, f.id)
	if err != nil {
		t.Fatal(err)
	}
	defer p.file.Close()
	w, err := p.words()
	if err != nil {
		t.Fatal(err)
	}
	scans, reported := 0, 0
	for scans == 0 || p.torn && scans < 2*records {
		scans++
		d := p.compare(w, everything())
		p.adopt(d, w)
		reported += len(d.errs)
		// A record that fails a check is read twice.
		if n := len(d.errs) * 2 * MaxSchema; n > maxReading {
			t.Fatalf("%d bytes of schemas were read in one scan", n)
		}
	}
	if p.torn || reported != records || len(p.endpoints()) != 0 {
		t.Errorf("%d of %d records reported after %d scans, %d believed", reported, records, scans, len(p.endpoints()))
	}
}

func TestPeer_TruncatedWhileKnown(t *testing.T) {
	dir := domain(t)
	f := forge(t, dir, nil)
	f.advertise(publisher("a"))
	w := watch(t, dir)
	w.expect(f.id, Joined, Added, Updated)
	if err := os.Truncate(f.path(), 10); err != nil {
		t.Fatal(err)
	}
	w.refresh()
	w.expect(f.id, Removed, Corrupt)
	w.quiet(f.id)
	f.die()
	w.refresh()
	w.expect(f.id, Died)
}

func TestPeer_RecordBeingWritten(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	r, err := Join(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 3000 {
			e := publisher(fmt.Sprintf("topic/%d/x%s", i, strings.Repeat("x", i%200)))
			e.ID.Number = r.ReserveID()
			a, err := r.Advertise(e)
			if err != nil {
				t.Error(err)
				return
			}
			a.Withdraw()
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if _, err := o.Snapshot(); err != nil {
			t.Fatal(err)
		}
		for _, err := range o.Errors() {
			t.Fatal(err)
		}
	}
	w.refresh()
	balance := 0
	for len(w.changes) != 0 {
		switch c := <-w.changes; c.Kind {
		case Corrupt:
			t.Error(c.Err)
		case Added:
			balance++
		case Removed:
			balance--
		}
	}
	if balance != 0 {
		t.Errorf("%d more were added than removed", balance)
	}
}

func TestScan_ForeignFilesIgnored(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	directory, link := filePath(dir, 1, participantSuffix), filePath(dir, 2, participantSuffix)
	for _, err := range []error{
		os.Mkdir(directory, 0o700), os.Symlink("/dev/zero", link), os.Mkdir(filePath(dir, 3, "reader"), 0o700),
		os.WriteFile(dir+"/notes.txt", nil, 0o600), os.WriteFile(dir+"/0123.participant", nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := files(t, dir)
	for range 3 {
		if err := w.refresh(); err != nil {
			t.Fatal(err)
		}
		if _, err := Clean(dir, false); err == nil {
			t.Error("a participant file that cannot be opened is no error")
		}
	}
	w.expect(1, Corrupt)
	w.expect(2, Corrupt)
	w.quiet(1)
	w.quiet(2)
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("there were %q, now %q", before, after)
	}
}

// quiet scans twice, and fails if a change of the participant that is not of the given kinds was reported.
func (w *watcher) quiet(id ID, but ...ChangeKind) {
	w.t.Helper()
	for range 2 {
		if err := w.refresh(); err != nil {
			w.t.Fatal(err)
		}
	}
	heard := w.unread[id]
	w.unread[id] = nil
	for len(w.changes) != 0 {
		if c := <-w.changes; c.Participant.ID == id {
			heard = append(heard, c)
		} else {
			w.unread[c.Participant.ID] = append(w.unread[c.Participant.ID], c)
		}
	}
	for _, c := range heard {
		if !slices.Contains(but, c.Kind) {
			w.t.Errorf("%v of %v: %v", c.Kind, id, c.Err)
		}
	}
}

// The file has a header, an index and one endpoint page. With mend the checksums are made right, so that the checks after them
// run.
func FuzzParticipantFile(f *testing.F) {
	dir := domain(f)
	honest := forge(f, dir, nil)
	honest.advertise(publisher("robot/pose"))
	whole := slices.Clone(honest.raw())
	honest.die()
	id := honest.id
	f.Add(whole[:offText+textLength(whole)], whole[pageOffset(0):pageOffset(0)+offBody+200], true)
	f.Add(whole[:offText], whole[pageOffset(0):pageOffset(0)+offBody], false)
	f.Add([]byte{}, []byte{}, true)
	f.Fuzz(func(t *testing.T, header, record []byte, mend bool) {
		file := make([]byte, pageOffset(0)+pageSize)
		copy(file[:pageSize], header)
		copy(file[pageOffset(0):], record)
		if mend {
			mendFile(file, id)
		}
		if err := os.WriteFile(filePath(dir, id, participantSuffix), file, 0o600); err != nil {
			t.Fatal(err)
		}
		p, errs := readAll(dir, id)
		for _, err := range errs {
			if err.Error() == "" || errors.Is(err, io.EOF) && p == nil {
				t.Errorf("unclear: %v", err)
			}
		}
		if p == nil {
			return
		}
		for _, e := range p.endpoints() {
			if err := checkEndpoint(&e); err != nil || e.ID.Participant != id || e.ID.Number == 0 {
				t.Errorf("%+v was believed: %v", e, err)
			}
			if _, err := encodeBody(&e); err != nil {
				t.Errorf("%+v was believed and cannot be written: %v", e, err)
			}
		}
	})
}

// textLength returns how many bytes of text a header has.
func textLength(b []byte) int {
	return int(native.Uint16(b[offExecLength:])) + int(native.Uint16(b[offUnitLength:]))
}

func mendFile(b []byte, id ID) {
	copy(b, participantMagic)
	native.PutUint32(b[offVersion:], layoutVersion)
	native.PutUint64(b[offID:], uint64(id))
	native.PutUint16(b[offExecLength:], native.Uint16(b[offExecLength:])%maxExecutable)
	native.PutUint16(b[offUnitLength:], native.Uint16(b[offUnitLength:])%MaxName)
	native.PutUint32(b[offHeaderCRC:], checksum(b[:offHeaderCRC], b[offText:offText+textLength(b)]))
	page := b[pageOffset(0):]
	native.PutUint64(b[indexOffset(0):], indexed(native.Uint32(page[offEndpointState:]), native.Uint64(page[offGeneration:])))
	n := native.Uint32(page[offBodyLength:]) % maxBody
	native.PutUint32(page[offBodyLength:], n)
	native.PutUint32(page[offBodyCRC:], checksum(page[offNumber:offBodyCRC], page[offBody:offBody+n]))
}
