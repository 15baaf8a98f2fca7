package goal

import (
	"bytes"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func TestRecordedRequest(t *testing.T) {
	id := NewID()
	for op := opStart; op <= opTaken; op++ {
		r := request[[]byte]{id: id, op: op}
		if op == opStart {
			r.value = []byte("there")
		}
		sent, err := requestCodec[[]byte]{serde.Raw()}.Encoder().Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRequest(sent)
		if err != nil || got.ID != id || !bytes.Equal(got.Value, r.value) || (got.Value != nil) != (op == opStart) || (got.Operation == Taken) != (op == opTaken) {
			t.Errorf("operation %d: %+v, %v", op, got, err)
		}
		if again, err := got.Append(nil); err != nil || !bytes.Equal(again, sent) {
			t.Errorf("operation %d: %x, %v; want %x", op, again, err, sent)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, requestHeader-1), make([]byte, requestHeader), append(make([]byte, 16), 5, 0, 0, 0, 0, 0, 0, 0)} {
		if r, err := ParseRequest(bad); err == nil {
			t.Errorf("%x is %+v", bad, r)
		}
	}
	if _, err := (RecordedRequest{Operation: "other"}).Append(nil); err == nil {
		t.Error("appended an operation that there is not")
	}
}

func TestRecordedUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		u    update
		want RecordedUpdate
	}{
		"unknown":  {update{}, RecordedUpdate{}},
		"feedback": {update{state: Running, content: hasFeedback, value: []byte("half")}, RecordedUpdate{State: "running", Feedback: true, Value: []byte("half")}},
		"result":   {update{state: Succeeded, content: hasResult, value: []byte("there")}, RecordedUpdate{State: "succeeded", Value: []byte("there")}},
		"error":    {update{state: Failed, content: hasError, code: 7, text: "no", value: []byte("x")}, RecordedUpdate{State: "failed", Code: 7, Text: "no", Error: []byte("x")}},
	} {
		got, err := ParseUpdate(c.u.bytes())
		if err != nil || got.State != c.want.State || got.Feedback != c.want.Feedback || got.Code != c.want.Code || got.Text != c.want.Text ||
			!bytes.Equal(got.Value, c.want.Value) || !bytes.Equal(got.Error, c.want.Error) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := ParseUpdate(make([]byte, updateHeader-1)); err == nil {
		t.Error("an update that is cut off")
	}
}
