package edit

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// writtenRecords are the metadata records and attachments of the new file. Parts of a recording repeat them: what an earlier source has
// too is written once.
type writtenRecords struct {
	by      map[[sha256.Size]byte]*source
	latched map[publisherKey]lastWritten // sequence of the newest message
}

func (w *writtenRecords) fresh(sum [sha256.Size]byte, from *source) bool {
	if w.by == nil {
		w.by = make(map[[sha256.Size]byte]*source)
	}
	if before, ok := w.by[sum]; ok {
		return before == from
	}
	w.by[sum] = from
	return true
}

// metadata reports whether a record is to be written.
func (w *writtenRecords) metadata(m *mcapfile.Metadata, from *source) bool {
	js, err := json.Marshal(m.Values) // sorted
	if err != nil {
		return true
	}
	return w.fresh(sha256.Sum256([]byte(strconv.Quote(m.Name)+string(js))), from)
}

// attachment reports whether an attachment is to be written.
func (w *writtenRecords) attachment(a *mcapfile.AttachmentInfo, from *source) (bool, error) {
	if len(w.by) == 0 && a.Size == 0 {
		return true, nil
	}
	h := sha256.New()
	js, err := json.Marshal([]any{a.Name, a.MediaType, a.CreateTime, a.Size})
	if err != nil {
		return true, nil
	}
	h.Write(js)
	if _, err := io.Copy(h, a.Content(from.file)); err != nil {
		return false, err
	}
	return w.fresh([sha256.Size]byte(h.Sum(nil)), from), nil
}

// shiftMetadata adds an offset to the log times in metadata records of shmrec.
func shiftMetadata(m mcapfile.Metadata, by time.Duration) mcapfile.Metadata {
	if by == 0 || m.Name != "shmbus.publishers.ended" && m.Name != "shmbus.clock" {
		return m
	}
	values := make(map[string]string, len(m.Values))
	for k, v := range m.Values {
		at, err := strconv.ParseUint(v, 10, 64)
		if err == nil && (m.Name != "shmbus.clock" || strings.HasPrefix(k, "log_time")) {
			v = strconv.FormatUint(shift(at, by), 10)
		}
		values[k] = v
	}
	return mcapfile.Metadata{Name: m.Name, Values: values}
}
