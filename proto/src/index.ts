import { loadService } from './load';
import type { AuthServiceDefinition } from './gen/onrush/auth/v1/AuthService';
import type { OrderServiceDefinition } from './gen/onrush/order/v1/OrderService';
import type { PaymentServiceDefinition } from './gen/onrush/payment/v1/PaymentService';
import type { ProductServiceDefinition } from './gen/onrush/product/v1/ProductService';
import type { SeckillServiceDefinition } from './gen/onrush/seckill/v1/SeckillService';
import type { UserServiceDefinition } from './gen/onrush/user/v1/UserService';

export * from './events';
export * from './rehearsal';

export const authService = loadService<AuthServiceDefinition>('onrush.auth.v1.AuthService');
export const userService = loadService<UserServiceDefinition>('onrush.user.v1.UserService');
export const productService = loadService<ProductServiceDefinition>('onrush.product.v1.ProductService');
export const seckillService = loadService<SeckillServiceDefinition>('onrush.seckill.v1.SeckillService');
export const orderService = loadService<OrderServiceDefinition>('onrush.order.v1.OrderService');
export const paymentService = loadService<PaymentServiceDefinition>('onrush.payment.v1.PaymentService');
