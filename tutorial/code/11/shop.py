import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

DATABASE_URL = os.getenv("DATABASE_URL", "sqlite:///shop.db")
PAGE = 50
MOST = 100


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    cents: Mapped[int]
    stock: Mapped[int]


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]
    placed_at: Mapped[datetime]
    lines: Mapped[list["Line"]] = relationship(back_populates="order")


class Line(Base):
    __tablename__ = "lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    count: Mapped[int]
    order: Mapped[Order] = relationship(back_populates="lines")
    product: Mapped[Product] = relationship()


class NewProduct(BaseModel):
    name: str = Field(min_length=1, max_length=100, examples=["tulip"])
    cents: int = Field(ge=1, examples=[250])
    stock: int = Field(0, ge=0, examples=[40])


class ProductRead(NewProduct):
    model_config = ConfigDict(from_attributes=True)

    id: int


class NewLine(BaseModel):
    product_id: int
    count: int = Field(ge=1, le=MOST)


class NewOrder(BaseModel):
    customer: str = Field(min_length=1, max_length=100, examples=["ann"])
    lines: list[NewLine] = Field(min_length=1, max_length=PAGE)


class OrderRead(BaseModel):
    id: int
    customer: str
    cents: int


engine = create_engine(DATABASE_URL)
Base.metadata.create_all(engine)


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


Database = Annotated[Session, Depends(get_session)]


def total(order: Order) -> int:
    return sum(line.count * line.product.cents for line in order.lines)


def take(session: Session, wanted: NewLine) -> Line:
    product = session.get(Product, wanted.product_id)
    if product is None:
        raise HTTPException(404, f"there is no product {wanted.product_id}")
    if product.stock < wanted.count:
        raise HTTPException(409, f"only {product.stock} of {product.name} are left")
    product.stock -= wanted.count
    return Line(product=product, count=wanted.count)


def shown(order: Order) -> OrderRead:
    return OrderRead(id=order.id, customer=order.customer, cents=total(order))


app = FastAPI(title="Flower shop")


@app.post("/products", status_code=201)
def create_product(new: NewProduct, session: Database) -> ProductRead:
    if session.scalar(select(Product).where(Product.name == new.name)):
        raise HTTPException(409, f"there is a product {new.name}")
    product = Product(**new.model_dump())
    session.add(product)
    session.commit()
    return ProductRead.model_validate(product)


@app.get("/products")
def read_products(session: Database, limit: int = PAGE) -> list[ProductRead]:
    found = session.scalars(select(Product).order_by(Product.id).limit(min(limit, MOST)))
    return [ProductRead.model_validate(product) for product in found]


@app.get("/products/{id}")
def read_product(id: int, session: Database) -> ProductRead:
    product = session.get(Product, id)
    if product is None:
        raise HTTPException(404, f"there is no product {id}")
    return ProductRead.model_validate(product)


@app.post("/orders", status_code=201)
def create_order(new: NewOrder, session: Database) -> OrderRead:
    lines = [take(session, wanted) for wanted in new.lines]
    order = Order(customer=new.customer, placed_at=datetime.now(UTC), lines=lines)
    session.add(order)
    session.commit()
    return shown(order)


@app.get("/orders")
def read_orders(session: Database, customer: str = "", limit: int = PAGE) -> list[OrderRead]:
    newest = select(Order).order_by(Order.id.desc()).limit(min(limit, MOST))
    if customer:
        newest = newest.where(Order.customer == customer)
    return [shown(order) for order in session.scalars(newest)]


@app.get("/orders/{id}")
def read_order(id: int, session: Database) -> OrderRead:
    order = session.get(Order, id)
    if order is None:
        raise HTTPException(404, f"there is no order {id}")
    return shown(order)
