package record

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func TestInfo(t *testing.T) {
	info, err := ReadInfo(file(t, spec{0, second, 0, "xx"}, spec{1, 2 * second, 0, ""}, spec{2, 2 * second, 0, "y"}, spec{0, 3 * second, 0, "zzz"}))
	if err != nil {
		t.Fatal(err)
	}
	if info.Messages != 4 || info.Bytes != 6 || !info.Closed || info.Damage != "" || info.SequenceGaps != 0 || info.Duration != 2*time.Second {
		t.Errorf("%+v", info)
	}
	if !info.Start.Equal(time.Unix(1, 0)) || !info.End.Equal(time.Unix(3, 0)) {
		t.Errorf("from %v to %v", info.Start, info.End)
	}
	if len(info.Topics) != 2 {
		t.Fatalf("%+v", info.Topics)
	}
	a, b := info.Topics[0], info.Topics[1]
	if a.Topic != "a" || a.Type != "T" || a.Encoding != "json" || a.Publishers != 2 || a.Messages != 3 || a.Bytes != 6 ||
		a.Smallest != 1 || a.Largest != 3 || a.Rate != 1 {
		t.Errorf("%+v", a)
	}
	if b.Topic != "b" || b.Messages != 1 || b.Rate != 0 || b.Smallest != 0 {
		t.Errorf("%+v", b)
	}
	if len(info.Chunks) != 1 || info.Chunks[0].Chunks != 1 {
		t.Errorf("%+v", info.Chunks)
	}
}

func TestInfo_GapsAndLatency(t *testing.T) {
	info, err := ReadInfo(file(t, spec{0, second, second - 1000, ""}, spec{0, 4 * second, 4*second - 2000, ""}, spec{0, 3 * second, 3 * second, ""}, spec{1, 5 * second, 0, ""}))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := info.Topics[0], info.Topics[1]; a.LargestGap != 3*time.Second || a.LatencyMax != 2000 || b.LargestGap != 0 || b.LatencyMax != 0 {
		t.Errorf("%+v, %+v", a, b)
	}
	if l := info.Latency; l == nil || l.Max < 1990 || l.Max > 2010 || l.P50 < 990 || l.P50 > 1010 {
		t.Errorf("%+v", l)
	}
}

func TestInfo_JSON(t *testing.T) {
	for name, messages := range map[string][]spec{
		"empty":       nil,
		"end of time": {{0, math.MaxUint64, 0, ""}, {0, 0, 0, ""}},
		"one":         {{1, 7, 0, "x"}},
	} {
		info, err := ReadInfo(file(t, messages...))
		if err != nil {
			t.Fatal(err)
		}
		js, err := json.Marshal(info)
		if err != nil || strings.Contains(string(js), ":null") {
			t.Errorf("%s: %s, %v", name, js, err)
		}
	}
}

func TestInfo_RecordingNotClosed(t *testing.T) {
	info, err := ReadInfo(cut(t, file(t, spec{0, second, 0, "xx"}), 8))
	if err != nil || info.Closed || info.Messages != 1 || !strings.Contains(info.Damage, "was not closed") {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestInfo_NotARecording(t *testing.T) {
	if _, err := ReadInfo("info_test.go"); err == nil || !strings.Contains(err.Error(), "info_test.go: not an MCAP file") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadInfo("."); err == nil {
		t.Error("a folder was taken for a recording")
	}
}

func TestReadInfo_TopicsWithoutMessages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"loud", "silent"} {
		c, err := w.AddChannel(mcapfile.Channel{Topic: topic})
		if err == nil && topic == "loud" {
			err = w.Write(&mcapfile.Message{Channel: c, Data: []byte("x")})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := ReadInfo(path)
	if err != nil || info.Damage != "" || len(info.Topics) != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	if s := info.Topics[1]; s.Topic != "silent" || s.Messages != 0 || s.Smallest != 0 || !s.Start.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestReadInfo_TwoRecordingsInOneFile(t *testing.T) {
	one, err := os.ReadFile(file(t, spec{0, second, 0, "x"}, spec{1, 2 * second, 0, "y"}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "two.mcap")
	for behind, damage := range map[string]string{"": "", "abc": "3 bytes follow the end"} {
		if err := os.WriteFile(path, append(slices.Concat(one, one), behind...), 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := ReadInfo(path)
		if err != nil || info.Messages != 4 || info.Recordings != 2 || !info.Closed || (info.Damage != "") != (damage != "") || !strings.Contains(info.Damage, damage) {
			t.Errorf("%q behind: %+v, %v", behind, info, err)
		}
	}
}
