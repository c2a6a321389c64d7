// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Six answers at a time, each of 15 MiB and made to cost sixty times that once it is
// decoded, take less memory than the largest of them has bytes.
func TestAnswersOfSmallValues(t *testing.T) {
	for name, test := range map[string]struct {
		value string
		most  uint64 // MiB
	}{
		"objects":      {`{"a":[]},`, 100},
		"numbers":      {`1,`, 100},
		"one long key": {`{"` + strings.Repeat("k", 1000) + `":1},`, 250},
	} {
		t.Run(name, func(t *testing.T) {
			chunk := strings.Repeat(test.value, 1<<20/len(test.value))
			server := start(t, func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, `{"auth":{"client_token":"t"},"data":{"keys":[`)
				for range 15 {
					if _, err := fmt.Fprint(w, chunk); err != nil {
						return
					}
				}
				fmt.Fprint(w, `{}]}}`)
			})
			client := build(t, at(server.URL))
			peak := watchHeap(t)
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() {
					if i%2 == 0 {
						_, _ = client.Logical().Write("auth/approle/login", map[string]any{"role_id": "r"})
						return
					}
					_, _ = client.Logical().Read("secret/x")
				})
			}
			all.Wait()
			if got := peak() >> 20; got > test.most {
				t.Errorf("%d MiB, want at most %d", got, test.most)
			}
		})
	}
}

// watchHeap returns a function that ends the watch and returns by how much the heap has
// grown at most.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return most.Load() - min(before, most.Load())
	}
}

// A list of two hundred thousand keys is an answer like any other.
func TestLongList(t *testing.T) {
	t.Parallel()
	server := start(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":{"keys":["first"`)
		for i := range 200_000 {
			fmt.Fprintf(w, `,"host-%06d.example.test, \"quoted, [and] {more}\\"`, i)
		}
		fmt.Fprint(w, `]}}`)
	})
	client := build(t, at(server.URL))
	for range 2 {
		secret, err := client.Logical().List("secret/x")
		if err != nil {
			t.Fatal(err)
		}
		if keys, _ := secret.Data["keys"].([]any); len(keys) != 200_001 {
			t.Errorf("%d keys", len(keys))
		}
	}
}

// Answers with too many values are refused as such.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	server := start(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":{"keys":[`+strings.Repeat(`{"a":[]},`, 100_000)+`{}]}}`)
	})
	if err := read(build(t, at(server.URL))); !errors.Is(err, errTooMany{}) {
		t.Errorf("got %v", err)
	}
}
