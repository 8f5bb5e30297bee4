// Judges OTLP bodies as the Collector's receiver does: with its decoder, pdata.
//
// Reads frames from standard input, each a letter for what the body is (t: traces, m: metrics; T, M: in JSON), its length
// in four bytes, most significant first, and the body. Answers each with a line: the error in quotes, "" for none.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func judge(kind byte, body []byte) (said string) {
	defer func() {
		if trouble := recover(); trouble != nil {
			said = fmt.Sprint("panic: ", trouble)
		}
	}()
	var err error
	switch kind {
	case 't':
		err = ptraceotlp.NewExportRequest().UnmarshalProto(body)
	case 'T':
		err = ptraceotlp.NewExportRequest().UnmarshalJSON(body)
	case 'm':
		err = pmetricotlp.NewExportRequest().UnmarshalProto(body)
	case 'M':
		err = pmetricotlp.NewExportRequest().UnmarshalJSON(body)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:]))
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		fmt.Fprintf(out, "%q\n", judge(head[0], body))
	}
}
