//! Rolls dice over HTTP: `GET /roll/3d6`.

mod answer;
mod dice;

use std::error::Error;

use tiny_http::{Header, Response, Server};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let server = Server::http(format!("0.0.0.0:{port}"))?;
    println!("dice on port {port}");

    let json: Header = "content-type: application/json".parse().map_err(|()| "a header that cannot be read")?;
    for request in server.incoming_requests() {
        let answer = answer::answer(request.url(), |sides| fastrand::u32(1..=sides));
        let response = Response::from_string(answer.body).with_status_code(answer.status).with_header(json.clone());
        // A client that went away is no reason to stop.
        if let Err(error) = request.respond(response) {
            eprintln!("not answered: {error}");
        }
    }
    Ok(())
}
