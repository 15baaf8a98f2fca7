//go:build linux

package registry

import (
	"fmt"
	"os"
	"regexp"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
	"github.com/shmbus/shmbus/internal/process"
	"github.com/shmbus/shmbus/internal/stats"
)

// Other implementations and readers of a dump rely on these tables.
func TestLayout_DocumentAndComment(t *testing.T) {
	wrong, err := layouttest.Package{
		Name: "registry", Root: "..", Files: []string{"layout.go"},
		Field: regexp.MustCompile(`^off[A-Z]`),
		Sizes: map[string]int{
			"offMagic":        len(participantMagic),
			"offNonce":        nonceSize,
			"offBootID":       len(process.Identity{}.BootID),
			"offText":         offIndexChanges - offText,
			"offIndexChanges": 4 * indexGroups,
			"offChanges":      4 * places,
			"offCalls":        4 * places,
			"offNewcomers":    8 * places,
			"offTopics":       4 * topicBells,
			"offBody":         maxBody,
			"offCounters":     stats.Size,
		},
		Ends: map[string]int{
			"Registry file":      registrySize,
			"Participant header": pageSize,
			"Index entry":        indexSize,
			"Endpoint page":      pageSize,
			"Record body":        maxBody,
		},
	}.Check()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

func TestLayout_PartsFit(t *testing.T) {
	if offCounters%64 != 0 || offCounters+stats.Size > pageSize || offBody+maxBody > offCounters ||
		offText+maxExecutable+MaxName > offIndexChanges || offIndexChanges+4*indexGroups > pageSize || len(registryMagic) != len(participantMagic) {
		t.Error("the parts of a page do not fit")
	}
	if perIndex*indexSize != pageSize || MaxEndpoints%perIndex != 0 || pageOffset(MaxEndpoints-1)+pageSize != fileSize {
		t.Error("the groups of pages do not fill the file")
	}
}

// The bytes of a record of version 5 do not change with the program.
func TestRecord_LayoutVersion5(t *testing.T) {
	if layoutVersion != 5 {
		t.Fatal("a new layout version needs a new golden record")
	}
	body, err := encodeBody(&Endpoint{Kind: KindSubscription, Topic: "t", Patterns: []string{"a", "b/*"}, TypeName: "n",
		Encoding: "e", SchemaEncoding: "s", Schema: []byte("xyz"), AnyType: true, Lossless: true, Depth: 1, History: 2,
		MaxPayload: 3, Since: 4})
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, offTexts)
	native.PutUint64(want[0:], 4)
	native.PutUint64(want[8:], 3)
	native.PutUint32(want[16:], 3)
	native.PutUint32(want[20:], checksum([]byte("xyz")))
	native.PutUint32(want[24:], 1)
	native.PutUint32(want[28:], 2)
	want[32], want[33] = 2, 1|4
	native.PutUint16(want[34:], 2)
	for _, s := range []string{"t", "n", "e", "s", "a", "b/*"} {
		want = append(native.AppendUint16(want, uint16(len(s))), s...)
	}
	if string(body) != string(want) {
		t.Errorf("the body is\n%x, want\n%x", body, want)
	}
	body, err = encodeBody(&Endpoint{Kind: KindPublisher, Topic: "t", Metadata: map[string]string{"b": "2", "a": ""}})
	if err != nil {
		t.Fatal(err)
	}
	want = append(want[:0], make([]byte, offTexts)...)
	native.PutUint32(want[20:], checksum(nil))
	want[32] = 1
	for _, s := range []string{"t", "", "", "", "a", "", "b", "2"} {
		want = append(native.AppendUint16(want, uint16(len(s))), s...)
	}
	if string(body) != string(want) {
		t.Errorf("the body of a publisher is\n%x, want\n%x", body, want)
	}
	if checksum([]byte("123456789")) != 0xe3069283 {
		t.Error("the checksum is not CRC-32C")
	}
}

// Every process that may read a file could make the kernel fill its holes.
func TestParticipantFile_NoHoles(t *testing.T) {
	dir := domain(t)
	r := watch(t, dir)
	for i := range perIndex + 2 {
		info, err := os.Stat(r.Path(participantSuffix))
		if err != nil {
			t.Fatal(err)
		}
		if backed := info.Sys().(*syscall.Stat_t).Blocks * 512; backed < info.Size() {
			t.Fatalf("with %d endpoints it has %d bytes and memory for %d", i, info.Size(), backed)
		}
		advertise(t, r.Registry, publisher(fmt.Sprintf("topic/%d", i)))
	}
}
