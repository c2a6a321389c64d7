// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"iter"
	"reflect"
	"strconv"
)

// loop implements loop, which counts up to its last argument, from 0 or from its first.
// That of consul-template leaks a goroutine when a range ends early.
func loop(bounds ...any) (iter.Seq[int64], error) {
	if len(bounds) != 1 && len(bounds) != 2 {
		return nil, fmt.Errorf("wrong number of arguments, expected 1 or 2, but got %d", len(bounds))
	}
	var start int64
	stop, err := integer(bounds[len(bounds)-1])
	if err == nil && len(bounds) == 2 {
		start, err = integer(bounds[0])
	}
	if err != nil {
		return nil, err
	}
	return func(yield func(int64) bool) {
		for i := start; i < stop && yield(i); i++ {
		}
	}, nil
}

// integer converts one of the arguments of loop: a number or a string, where "" is 0.
func integer(bound any) (int64, error) {
	v := reflect.ValueOf(bound)
	switch {
	case v.CanInt():
		return v.Int(), nil
	case v.CanUint():
		return int64(v.Uint()), nil
	case v.Kind() == reflect.String && v.Len() == 0:
		return 0, nil
	case v.Kind() == reflect.String:
		return strconv.ParseInt(v.String(), 10, 64)
	}
	return 0, fmt.Errorf("bad argument type: %T", bound)
}
