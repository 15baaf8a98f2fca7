package mcapfile

import (
	"encoding/binary"
	"io"

	"github.com/foxglove/mcap/go/mcap"
)

// An AttachmentInfo describes a file within a recording, which has its content.
type AttachmentInfo struct {
	Name       string
	MediaType  string
	LogTime    uint64
	CreateTime uint64
	Size       uint64 // bytes of the content

	off    int64  // of the fields in the file
	length uint64 // of the fields up to the CRC
}

// Content returns the content of an attachment. src is what the Reader of the attachment reads. The CRC is not checked.
func (a *AttachmentInfo) Content(src io.ReaderAt) io.Reader {
	return io.NewSectionReader(src, a.off+int64(a.length-a.Size), int64(a.Size))
}

// Check compares the content of an attachment with its CRC, if it has one. An error for which Recoverable is true concerns this attachment
// only.
func (a *AttachmentInfo) Check(src io.ReaderAt) error {
	w := window{src: src, size: a.off + int64(a.length) + 4}
	err := a.check(&w)
	if err == nil || Recoverable(err) {
		return err
	}
	return readError(err)
}

func (a *AttachmentInfo) check(w *window) error {
	to := a.off + int64(a.length)
	b, err := w.at(to, 4)
	if err != nil {
		return err
	}
	want := binary.LittleEndian.Uint32(b)
	if want == 0 {
		return nil
	}
	got, err := w.sumOf(a.off, to)
	if err == nil && got != want {
		err = &InvalidRecordError{Offset: a.off - recordHead, Record: mcap.OpAttachment.String() + " record", Err: errSum}
	}
	return err
}

// attachment reads the fields of an attachment before and after its content.
func (r *Reader) attachment() error {
	r.part.counts.attachments++
	a := AttachmentInfo{off: r.pos - int64(r.rest)}
	need, ok := r.file.measure(r.at.off, mcap.OpAttachment, r.rest)
	if !ok {
		return io.ErrUnexpectedEOF
	}
	a.length = need - 4
	b, err := r.take(8 + 8)
	if err != nil {
		return err
	}
	a.LogTime, a.CreateTime = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	for _, text := range []*string{&a.Name, &a.MediaType} {
		n, err := r.take(4)
		if err != nil {
			return err
		}
		length := uint64(binary.LittleEndian.Uint32(n))
		if err := r.kept.take(length + recordCost/2); err != nil {
			return err
		}
		if b, err = r.take(length); err != nil {
			return err
		}
		*text = string(b)
	}
	if b, err = r.take(8); err != nil {
		return err
	}
	a.Size = binary.LittleEndian.Uint64(b)
	if !r.skipAttachments {
		if err := a.check(&r.file); err != nil {
			return err
		}
	}
	r.stats.Attachments = append(r.stats.Attachments, a)
	if r.check != nil {
		r.check.place(r, mcap.OpAttachment, placed{name: a.Name, mediaType: a.MediaType, logTime: a.LogTime, createTime: a.CreateTime, size: a.Size})
	}
	return nil
}
