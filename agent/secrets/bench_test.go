// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// BenchmarkThousand is the Store's own part of issuing a thousand certificates:
// queue, client, JSON, X.509 and delivery, with a server that costs nothing.
func BenchmarkThousand(b *testing.B) {
	ca := newAuthority(b)
	answer, err := json.Marshal(map[string]any{"data": ca.issue(24 * time.Hour)})
	if err != nil {
		b.Fatal(err)
	}
	var requests []vaultreq.Request
	for i := range 1000 {
		requests = append(requests, req(b, vaultreq.Write, "pki/issue/web", fmt.Sprint("common_name=", i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		f := &fakeVault{answer: func(*http.Request, string) (int, any) { return 200, string(answer) }}
		store := New(Config{Client: f.client(b), Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() { ended <- store.Run(ctx) }()
		s := store.Subscribe()
		s.Want(requests)
		store.Authenticated("t1")
		for next := 0; next < len(requests); {
			<-s.C()
			for next < len(requests) {
				if a, _ := s.Get(requests[next]); a == nil {
					break
				}
				next++
			}
		}
		cancel()
		<-ended
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(requests)), "µs/request")
}
