// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/metrics"
	"time"
)

// limits bound one execution.
type limits struct {
	time     time.Duration // without what the source takes
	patience time.Duration // for a function to return after the time is up
	size     int           // of the output, and of each value in bytes
	memory   uint64        // that the process may take in addition, in bytes
}

var defaultLimits = limits{time: 10 * time.Second, patience: time.Second, size: 16 << 20, memory: 256 << 20}

const (
	// deepestCall is how deep templates may call each other. text/template's own
	// limit is 100,000, and executeTemplate has none.
	deepestCall = 1000

	// deepestValue is how deep lists and maps may be nested.
	deepestValue = 1000
)

var (
	errTooDeep  = fmt.Errorf("a value is nested more than %d levels deep, or contains itself", deepestValue)
	errTooBig   = errors.New("too big")
	errCallDeep = fmt.Errorf("templates call each other more than %d levels deep", deepestCall)
)

// exceeded records the first limit that the execution has exceeded, and returns it as an
// error.
func (e *execution) exceeded(err error) error {
	if e.limit == nil {
		e.limit = err
	}
	return err
}

// tooBig returns the error for something that exceeds the limit of the size.
func (e *execution) tooBig(what string) error {
	return e.exceeded(fmt.Errorf("%s would be larger than %d MiB", what, e.template.limits.size>>20))
}

// limitedBuffer collects the output of an execution.
type limitedBuffer struct {
	*execution
	content []byte
}

// Write implements io.Writer. It fails if the execution is to stop.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(p) == 0 { // text/template gives its errors a place, but not those of the writer
		return 0, nil
	}
	if err := b.alive(); err != nil {
		return 0, err
	}
	if len(b.content)+len(p) > b.template.limits.size {
		return 0, b.tooBig("the output")
	}
	b.content = append(b.content, p...)
	return len(p), nil
}

// alive returns the reason if the execution is to stop.
func (e *execution) alive() error {
	select {
	case <-e.stopped:
		return e.reason
	default:
		return nil
	}
}

// tick is called in each round of a range.
func (e *execution) tick() (string, error) { return "", e.mayContinue(0) }

// mayContinue returns an error if the execution is to stop, or takes too much memory. size
// is that of the values which a function is about to handle.
func (e *execution) mayContinue(size int) error {
	if err := e.alive(); err != nil {
		return err
	}
	const large, rounds = 1 << 20, 256 // when to look at the memory
	if e.rounds++; size < large && e.rounds%rounds != 0 {
		return nil
	}
	if allowed := e.memory + e.template.limits.memory; heap() > allowed {
		if runtime.GC(); heap() > allowed { // what is not garbage
			return e.exceeded(fmt.Errorf("rendering takes more than %d MiB of memory", e.template.limits.memory>>20))
		}
	}
	return nil
}

// heap returns how many bytes the process has allocated, garbage included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// enter and leave are called at the beginning and the end of each named template.
func (e *execution) enter() (string, error) {
	if e.depth++; e.depth > deepestCall {
		return "", e.exceeded(errCallDeep)
	}
	return "", e.alive()
}

func (e *execution) leave() string {
	e.depth--
	return ""
}

// show is called with each value that is printed, and the index of what prints it.
func (e *execution) show(index int, value any) (any, error) {
	if value == nil && e.absent == nil {
		e.absent = e.printed[index]
	}
	return value, e.check("the output", reflect.ValueOf(value))
}

// check returns an error if the execution is to stop, or if values are too big.
func (e *execution) check(what string, values ...reflect.Value) error {
	size, err := weigh(e.template.limits.size, values...)
	switch err {
	case nil:
		return e.mayContinue(size)
	case errTooBig:
		return e.tooBig(what)
	default:
		return e.exceeded(err)
	}
}

// weigh returns about how many bytes it takes to print values, indented. It returns
// errTooBig if that is more than the limit, and errTooDeep if they are nested too deeply. It takes no longer than the
// limit, even for lists that contain each other many times.
func weigh(limit int, values ...reflect.Value) (size int, err error) {
	s := scale{left: limit}
	for _, v := range values {
		if err := s.add(v, 0); err != nil {
			return 0, err
		}
	}
	return limit - s.left, nil
}

// scale adds up sizes.
type scale struct{ left int }

func (s *scale) take(n int) error {
	if s.left -= n; s.left < 0 {
		return errTooBig
	}
	return nil
}

func (s *scale) add(v reflect.Value, depth int) error {
	if depth > deepestValue {
		return errTooDeep
	}
	switch v.Kind() {
	case reflect.String:
		return s.take(v.Len())
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return s.take(1)
		}
		return s.add(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return s.take(v.Len())
		}
		for i := range v.Len() {
			if err := s.item(v.Index(i), depth); err != nil {
				return err
			}
		}
	case reflect.Map:
		for items := v.MapRange(); items.Next(); {
			if err := s.item(items.Key(), depth); err != nil {
				return err
			}
			if err := s.item(items.Value(), depth); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := s.item(v.Field(i), depth); err != nil {
				return err
			}
		}
	}
	return s.take(8)
}

// item adds an element, with its indentation.
func (s *scale) item(v reflect.Value, depth int) error {
	if err := s.take(1 + depth); err != nil {
		return err
	}
	return s.add(v, depth+1)
}
