package screen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/message"
)

// saying makes messages of a JSON text, in which % is the number of the message.
func saying(payload string) func(int) message.Message {
	return func(n int) message.Message {
		m := imu(n)
		m.Payload = []byte(strings.ReplaceAll(payload, "%", fmt.Sprint(n)))
		return m
	}
}

// The cursor reaches each field, and the figures of a field are its own, also where another one has the same path.
func TestMessage_FieldsOfTheSamePath(t *testing.T) {
	numbers := "[" + strings.Repeat("0,", 39) + "0]"
	d := withMessages(t, &messages{of: saying(`{"a":{"b":1},"a.b":%,"s":` + numbers + `,"t":` + numbers + `,"z":1}`)}, 100, 24).polls(20)
	_, count := d.page().(*detail).fields.Count()
	for i := range count {
		if f, _ := d.page().(*detail).fields.Picked(); f.number != i {
			t.Fatalf("the cursor is at field %d, not %d", f.number, i)
		}
		d.press("down").polls(1)
	}
	d.press("home", "down").shows(">    b               1  ")
	d.press("enter").polls(1).shows("a.b = 1")
	d.press("home", "down", "down", "enter").polls(1).shows(`["a.b"] = 9`)
}

// A message that is a number has a plot.
func TestMessage_PlotOfAMessage(t *testing.T) {
	d := withMessages(t, &messages{of: saying("%")}, 80, 30).polls(20)
	d.press("enter").polls(1).shows("robot/imu = 22", "│")
	d.press("enter").lacks("robot/imu = ")
	d.press(":").typed("plot").press("enter").polls(1).shows("robot/imu = 23")
	d.press("enter", ":").typed("plot x..y").press("enter").shows("the message has no number").lacks("robot/imu = ")
	withMessages(t, &messages{of: imu}, 80, 30).polls(2).press(":").typed("plot").press("enter").shows("the message has no number")
}

// Side by side the keys scroll the part that is chosen, and the other one stays.
func TestDetail_ScrollsTheChosenPart(t *testing.T) {
	long := func(n int) message.Message {
		m := imu(n)
		m.Type.Encoding, m.Payload = "raw", make([]byte, 3008)
		return m
	}
	d := withMessages(t, &messages{of: long}, 160, 24).press("x").polls(1).shows("Publishers: 1", "00000000  00")
	d.press("end").shows("00000bb0  00", "Publishers: 1").lacks("00000000  00")
	d.press("m").shows("00000000  00") // it is in hex, too, as it is not decoded
	d.press("pgdown").shows("Publishers: 1").lacks("00000000  00")
	d.press("e", "end").shows("asks for robot/**").lacks("00000000  00", "Publishers: 1")
	d.press("x").shows("00000bb0  00", "asks for robot/**")
}
