package goal

import (
	"bytes"
	"testing"

	"github.com/shmbus/shmbus/serde"
)

func TestRequest_Observed(t *testing.T) {
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
		if err != nil || got.ID != id || !bytes.Equal(got.Value, r.value) || (got.Value != nil) != (op == opStart) || (got.Operation == Taken) != (op == opTaken) ||
			got.HasUpdates() != (op <= opFollow) {
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
	if _, err := (Request{Operation: "other"}).Append(nil); err == nil {
		t.Error("appended an operation that there is not")
	}
}

func TestUpdate_Observed(t *testing.T) {
	for name, c := range map[string]struct {
		u    update
		want Update
	}{
		"unknown":  {update{}, Update{}},
		"feedback": {update{state: Running, content: hasFeedback, value: []byte("half")}, Update{State: Running, Feedback: true, Value: []byte("half")}},
		"result":   {update{state: Succeeded, content: hasResult, value: []byte("there")}, Update{State: Succeeded, Value: []byte("there")}},
		"error":    {update{state: Failed, content: hasError, code: 7, text: "no", value: []byte("x")}, Update{State: Failed, Code: 7, Text: "no", Error: []byte("x")}},
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
