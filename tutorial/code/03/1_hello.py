from fastapi import FastAPI

app = FastAPI(title="My classifier")


@app.get("/")
def welcome():
    return {"message": "Hello"}
