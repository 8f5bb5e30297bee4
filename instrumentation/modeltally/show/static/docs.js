// The description of the interface, in Swagger UI. Nothing is asked of another server.
window.addEventListener("load", () => {
  window.SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    tagsSorter: "alpha",
    validatorUrl: null,
    withCredentials: false,
  });
});
