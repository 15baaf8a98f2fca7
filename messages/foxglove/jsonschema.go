package foxglove

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// jsonSchema describes the JSON form of a message, with the kinds that Foxglove's own schemas have.
func jsonSchema(md protoreflect.MessageDescriptor) string {
	if md.FullName() == "google.protobuf.Timestamp" {
		return `{"type":"object","title":"time","properties":{"sec":{"type":"integer","minimum":0},` +
			`"nsec":{"type":"integer","minimum":0,"maximum":999999999}}}`
	}
	var properties, required []string
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		properties = append(properties, fmt.Sprintf(`"%s":%s`, fd.Name(), fieldSchema(fd)))
		if !fd.HasOptionalKeyword() {
			required = append(required, fmt.Sprintf(`"%s"`, fd.Name()))
		}
	}
	return fmt.Sprintf(`{"title":"%s","type":"object","properties":{%s},"required":[%s]}`,
		md.FullName(), strings.Join(properties, ","), strings.Join(required, ","))
}

func fieldSchema(fd protoreflect.FieldDescriptor) string {
	value := valueSchema(fd)
	if !fd.IsList() {
		return value
	}
	limits := ""
	if n := fixedLength(fd); n > 0 {
		limits = fmt.Sprintf(`,"minItems":%d,"maxItems":%d`, n, n)
	}
	return fmt.Sprintf(`{"type":"array","items":%s%s}`, value, limits)
}

func valueSchema(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return jsonSchema(fd.Message())
	case protoreflect.BytesKind:
		return `{"type":"string","contentEncoding":"base64"}`
	case protoreflect.StringKind:
		return `{"type":"string"}`
	case protoreflect.DoubleKind:
		return `{"type":"number"}`
	case protoreflect.EnumKind:
		var values []string
		for i := range fd.Enum().Values().Len() {
			v := fd.Enum().Values().Get(i)
			values = append(values, fmt.Sprintf(`{"title":"%s","const":%d}`, v.Name(), v.Number()))
		}
		title := "foxglove." + fd.Enum().Name()
		if title == "foxglove.Level" {
			title = "foxglove.LogLevel" // Level is its name within Log
		}
		return fmt.Sprintf(`{"title":"%s","oneOf":[%s]}`, title, strings.Join(values, ","))
	default: // uint32, fixed32
		return `{"type":"integer","minimum":0}`
	}
}

// fixedLength is the length of an array, or 0. Protobuf has none of fixed length.
func fixedLength(fd protoreflect.FieldDescriptor) int {
	switch fd.FullName() {
	case "foxglove.CameraCalibration.P":
		return 12
	case "foxglove.CameraCalibration.K", "foxglove.CameraCalibration.R", "ros.sensor_msgs.Imu.orientation_covariance",
		"ros.sensor_msgs.Imu.angular_velocity_covariance", "ros.sensor_msgs.Imu.linear_acceleration_covariance":
		return 9
	}
	return 0
}
