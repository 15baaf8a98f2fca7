package record

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// A recordingFile is a recording that is read: one file, or the parts in a directory as if they were one behind the other in a file.
type recordingFile struct {
	path    string
	parts   []recordingPart
	schemas schemaSums
	lists   map[publisherChannel]messageListKey // of parts
	found   map[messageListKey]messageListKey   // results of oneList
}

// A publisherChannel is what each part has one channel of.
type publisherChannel struct {
	publisher             *recordedPublisher // nil = unknown, then metadata tell channels apart
	topic, encoding, name string
	schema                schemaSum
	metadata              string
}

// A recordingPart is a file with its place among the bytes of all.
type recordingPart struct {
	file  *os.File
	begin int64
	end   int64
}

// openRecording opens a file, or all recordings in a directory, and returns the size in bytes.
func openRecording(path string) (*recordingFile, int64, error) {
	paths, err := Parts(path)
	if err != nil {
		return nil, 0, err
	}
	f, size := &recordingFile{
		path: path, schemas: make(schemaSums), lists: make(map[publisherChannel]messageListKey), found: make(map[messageListKey]messageListKey),
	}, int64(0)
	for _, part := range paths {
		opened, n, err := mcapfile.Open(part)
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		f.parts = append(f.parts, recordingPart{opened, size, size + n})
		size += n
	}
	return f, size, nil
}

// ReadAt reads also across the ends of parts.
func (f *recordingFile) ReadAt(b []byte, at int64) (n int, err error) {
	for _, p := range f.parts {
		if at >= p.end || n == len(b) {
			continue
		}
		want := min(int64(len(b)-n), p.end-at)
		got, err := p.file.ReadAt(b[n:n+int(want)], at-p.begin)
		n, at = n+got, at+int64(got)
		if int64(got) < want {
			return n, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Ends makes each part a file of its own for a reader: what is cut off in one takes nothing from the next.
func (f *recordingFile) Ends() (ends []int64) {
	for _, p := range f.parts {
		ends = append(ends, p.end)
	}
	return ends
}

func (f *recordingFile) Close() (err error) {
	for _, p := range f.parts {
		err = errors.Join(err, p.file.Close())
	}
	return err
}

// inOrder yields the messages of a plan of the recording by log time, without those of latched topics that a part repeats.
func (f *recordingFile) inOrder(plan *mcapfile.Plan, from *attribution) iter.Seq2[mcapfile.Message, error] {
	r := f.repeats()
	return func(yield func(mcapfile.Message, error) bool) {
		for m, err := range plan.InOrder() {
			if err == nil {
				if p, sequence := from.publisher(&m); r.have(&m, p, sequence) {
					continue
				}
			}
			if !yield(m, err) {
				return
			}
		}
	}
}

// oneList returns the first key of the same publisher, or of a channel that is alike: each part has channels of its own.
func (f *recordingFile) oneList(key messageListKey) messageListKey {
	if len(f.parts) < 2 {
		return key
	}
	if first, known := f.found[key]; known {
		return first
	}
	c := key.channel
	alike := publisherChannel{topic: c.Topic, encoding: c.Encoding, name: c.SchemaName, schema: f.schemas.of(c.Schema)}
	if key.publisher.ID != "" {
		alike.publisher = key.publisher
	} else {
		alike.metadata = fmt.Sprintf("%q", c.Metadata) // sorted
	}
	first, known := f.lists[alike]
	if !known {
		first = key
		f.lists[alike] = key
	}
	f.found[key] = first
	return first
}

// A schemaSum stands for the bytes of a schema.
type schemaSum [sha256.Size]byte

// schemaSums are the sums of schemas by where they are in memory, so that each one is read once: the channels of a file share it.
type schemaSums map[schemaPlace]schemaSum

type schemaPlace struct {
	first *byte
	size  int
}

func (s schemaSums) of(schema []byte) schemaSum {
	if len(schema) == 0 {
		return schemaSum{}
	}
	place := schemaPlace{&schema[0], len(schema)}
	sum, known := s[place]
	if !known {
		sum = sha256.Sum256(schema)
		s[place] = sum
	}
	return sum
}

// partRepeats are the last sequences of latched publishers, which the next part begins with; nil = there are no parts.
type partRepeats map[string]uint64

func (f *recordingFile) repeats() partRepeats {
	if len(f.parts) < 2 {
		return nil
	}
	return make(partRepeats)
}

// have reports whether a message was in a part before. It must be called once for each message, in order.
func (r partRepeats) have(m *mcapfile.Message, p *recordedPublisher, sequence uint64) bool {
	if r == nil || p.ID == "" || !isLatched(m.Channel) {
		return false
	}
	if last, known := r[p.ID]; known && sequence <= last {
		return true
	}
	r[p.ID] = sequence
	return false
}
