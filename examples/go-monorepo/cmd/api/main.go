// Command api takes texts over HTTP and tells how many words a worker has counted in them.
package main

import (
	"cmp"
	"log"
	"net/http"
	"os"

	"example.com/wordcount/internal/spool"
)

func main() {
	jobs, err := spool.Open(cmp.Or(os.Getenv("SPOOL"), "spool"))
	if err != nil {
		log.Fatal(err)
	}
	address := ":" + cmp.Or(os.Getenv("PORT"), "8080")
	log.Printf("api on %s", address)
	log.Fatal(http.ListenAndServe(address, routes(jobs)))
}
