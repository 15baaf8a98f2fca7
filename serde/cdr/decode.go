package cdr

import (
	"fmt"
	"math"
	"time"

	"github.com/shmbus/shmbus/internal/mem"
)

// decode stores in v what the program reads. v is zero before.
func (r *reader) decode(ops []op, v mem.Value) *FieldError {
	for i := range ops {
		o := &ops[i]
		var err *FieldError
		switch o.kind {
		case opBlock:
			err = r.block(o, v)
		case opBlocks:
			err = r.blocks(o, v)
		case opText:
			var b []byte
			if b, err = r.text(o.bound); err == nil {
				*mem.Field[string](v, o.off) = string(b)
			}
		case opWideText:
			*mem.Field[string](v, o.off), err = r.wideText(o.bound)
		case opTime:
			*mem.Field[time.Time](v, o.off), err = r.time()
		case opDuration:
			*mem.Field[time.Duration](v, o.off), err = r.duration()
		case opEmpty:
			_, err = r.take(1, 1)
		case opSequence:
			err = r.sequence(o, v)
		case opArray:
			for i := range o.count {
				if err := r.decode(o.body.ops, v.Sub(o.off+uintptr(i)*o.size, o.size)); err != nil {
					return err.within(o.path, i)
				}
			}
		}
		if err != nil {
			if err.Path == "" {
				err.Path = o.path
			}
			return err
		}
	}
	return nil
}

func (r *reader) block(o *op, v mem.Value) *FieldError {
	at := (r.pos + o.align - 1) &^ (o.align - 1)
	size := int(o.size)
	if size > len(r.src)-at {
		return r.missing(o, at)
	}
	dst := v.Bytes(o.off, o.size)
	copy(dst, r.src[at:at+size])
	if o.bools || r.swaps() {
		if err := r.convert(o, dst, at, o.count); err != nil {
			if o.array {
				err.within(o.path, (err.Offset-headerSize-at)/(size/o.count))
			}
			return err
		}
	}
	r.pos = at + size
	return nil
}

// missing says which part of a block, which begins at the position at, is not there.
func (r *reader) missing(o *op, at int) *FieldError {
	path, need := o.path, int(o.size)
	for i := 0; i < len(o.parts) && !o.array; i++ {
		p := &o.parts[i]
		if path, need = p.path, p.size(); need > len(r.src)-at {
			break
		}
		at += need
	}
	need += at
	r.pos = min(at, len(r.src))
	return &FieldError{Path: path, Offset: headerSize + r.pos, Err: errLeft(need-r.pos, r.left())}
}

// convert makes numbers of the payload numbers of the processor, and checks bools.
func (r *reader) convert(o *op, b []byte, at, times int) *FieldError {
	if r.swaps() {
		swap(b, o.parts, times)
	}
	if !o.bools {
		return nil
	}
	if off, p := falseBool(b, o.parts, times); off >= 0 {
		clear(b) // a bool that is neither true nor false must not be seen
		return &FieldError{Path: p.path, Offset: headerSize + at + off, Err: errBool}
	}
	return nil
}

func (r *reader) blocks(o *op, v mem.Value) *FieldError {
	n, err := r.count(o.bound)
	if err != nil || n == 0 {
		return err
	}
	at, size := (r.pos+o.align-1)&^(o.align-1), int(o.size)
	if n > (len(r.src)-at)/size {
		r.pos -= 4
		return r.fault(errCount(uint32(n), r.left()-4))
	}
	src := r.src[at : at+n*size]
	var b []byte
	if size == 1 {
		b = append(b, src...) // unlike make, it does not clear what is overwritten
	} else {
		b = mem.Alloc(len(src))
		copy(b, src)
	}
	if o.bools || r.swaps() {
		if err := r.convert(o, b, at, n); err != nil {
			return err.within(o.path, (err.Offset-headerSize-at)/size)
		}
	}
	v.SetElements(o.off, b, n)
	r.pos = at + len(src)
	return nil
}

func (r *reader) sequence(o *op, v mem.Value) *FieldError {
	n, err := r.count(o.bound)
	if err != nil || n == 0 {
		return err
	}
	if n > r.left()/o.body.min {
		r.pos -= 4
		return r.fault(errCount(uint32(n), r.left()-4))
	}
	elements := v.MakeElements(o.off, o.slice, n)
	for i := range n {
		if err := r.decode(o.body.ops, elements.Sub(uintptr(i)*o.size, o.size)); err != nil {
			return err.within(o.path, i)
		}
	}
	return nil
}

// seconds returns the next time or duration.
func (r *reader) seconds() (sec int32, nanosec uint32, err *FieldError) {
	s, err := r.uint32()
	if err != nil {
		return 0, 0, err
	}
	nanosec, err = r.uint32()
	if err == nil && nanosec >= 1e9 {
		r.pos -= 4
		err = r.fault(errNanosec)
	}
	return int32(s), nanosec, err
}

// time returns the zero time for zero, which ROS 2 has where no time is set.
func (r *reader) time() (time.Time, *FieldError) {
	sec, nanosec, err := r.seconds()
	if err != nil || sec == 0 && nanosec == 0 {
		return time.Time{}, err
	}
	return time.Unix(int64(sec), int64(nanosec)).UTC(), nil
}

func (r *reader) duration() (time.Duration, *FieldError) {
	sec, nanosec, err := r.seconds()
	return time.Duration(sec)*time.Second + time.Duration(nanosec), err
}

// secondsOf is the inverse of time.
func secondsOf(t time.Time) (sec int32, nanosec uint32, err error) {
	if t.IsZero() {
		return 0, 0, nil
	}
	if s := t.Unix(); s < math.MinInt32 || s > math.MaxInt32 {
		return 0, 0, fmt.Errorf("%w: %s", errTimeRange, t.Format(time.RFC3339))
	}
	return int32(t.Unix()), uint32(t.Nanosecond()), nil
}

// secondsOfDuration is the inverse of duration.
func secondsOfDuration(d time.Duration) (sec int32, nanosec uint32, err error) {
	s, n := d/time.Second, d%time.Second
	if n < 0 {
		s, n = s-1, n+time.Second
	}
	if s < math.MinInt32 || s > math.MaxInt32 {
		return 0, 0, fmt.Errorf("%w: %s", errTimeRange, d)
	}
	return int32(s), uint32(n), nil
}
