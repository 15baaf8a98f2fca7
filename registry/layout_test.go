package registry

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/shmbus/shmbus/internal/counters"
)

// The tables are what other implementations and readers of a dump go by, so they and the constants must agree.
func TestTheTablesSayWhatTheConstantsSay(t *testing.T) {
	type field struct{ offset, size int }
	constants := map[string]int{
		"offMagic": offMagic, "offVersion": offVersion, "offNonce": offNonce, "offBell": offBell,
		"offPID": offPID, "offID": offID, "offStartTime": offStartTime, "offBootID": offBootID, "offSince": offSince,
		"offExecLength": offExecLength, "offUnitLength": offUnitLength, "offHeaderCRC": offHeaderCRC,
		"offTableVersion": offTableVersion, "offState": offState, "offPages": offPages, "offText": offText,
		"offEntityState": offEntityState, "offNumber": offNumber, "offGeneration": offGeneration,
		"offBodyLength": offBodyLength, "offBodyCRC": offBodyCRC, "offBody": offBody, "offCounters": offCounters,
		"offEntitySince": offEntitySince, "offMaxPayload": offMaxPayload, "offSchemaSize": offSchemaSize,
		"offSchemaCRC": offSchemaCRC, "offDepth": offDepth, "offHistory": offHistory, "offKind": offKind,
		"offFlags": offFlags, "offPatternCount": offPatternCount, "offTexts": offTexts,
	}
	source, err := os.ReadFile("layout.go")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^//\t(\d+) +(\d+|-) +(off\w+) +\S`)
	seen := make(map[string]field)
	var before field
	for _, m := range row.FindAllStringSubmatch(string(source), -1) {
		offset, _ := strconv.Atoi(m[1])
		size, _ := strconv.Atoi(m[2])
		f := field{offset, size}
		want, ok := constants[m[3]]
		if !ok || want != offset {
			t.Errorf("the table has %s at %d, the constant is %d", m[3], offset, want)
		}
		if offset != 0 && offset < before.offset+before.size {
			t.Errorf("%s at %d lies in the field before it", m[3], offset)
		}
		if (size == 4 || size == 8 || size == 2) && offset%size != 0 {
			t.Errorf("%s at %d is not aligned to its %d bytes", m[3], offset, size)
		}
		seen[m[3]], before = f, f
	}
	for name := range constants {
		if _, ok := seen[name]; !ok {
			t.Errorf("the table does not have %s", name)
		}
	}
	for name, size := range map[string]int{"offNonce": nonceSize, "offText": pageSize - offText, "offBody": maxBody,
		"offCounters": counters.Size, "offMagic": len(participantMagic)} {
		if seen[name].size != size {
			t.Errorf("%s has %d bytes in the table and %d in the code", name, seen[name].size, size)
		}
	}
	if offCounters%64 != 0 || offCounters+counters.Size > pageSize || offBody+maxBody > offCounters ||
		offText+maxExecutable+MaxName > pageSize || len(registryMagic) != len(participantMagic) {
		t.Error("the parts of a page do not fit")
	}
}

// What a file of version 1 looks like does not change with the program.
func TestARecordOfVersion1(t *testing.T) {
	if layoutVersion != 1 {
		t.Fatal("a new layout version needs a new golden record")
	}
	body, err := encodeBody(&Entity{Kind: KindSubscription, Topic: "t", Patterns: []string{"a", "b/*"}, TypeName: "n",
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
	if checksum([]byte("123456789")) != 0xe3069283 {
		t.Error("the checksum is not CRC-32C")
	}
}
